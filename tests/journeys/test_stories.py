"""A story in several outlets is one item of the feed, in readers of others too."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from tests.desks import write_desk
from tests.journeys.running import eventually, needed, node, running

TEXT = (
    "Los gremios de transportistas volvieron a marchar contra la Ley 32108 y dejaron vacías las"
    " avenidas del norte de Lima."
)
ADDED = " Suscríbete a nuestro boletín."


def test_a_copy_in_another_outlet_is_nothing_new_to_readers(tmp_path: Path) -> None:
    # given a desk with a story of one outlet, which readers have seen
    folder = write_desk(tmp_path / "desk", rules=(
        "version: 1\nrules:\n  - id: law-32108\n    query: law:32108\n"
    ))  # fmt: skip
    with (folder / "sources.yaml").open("a") as sources:
        sources.write("  - {name: other, kind: files, path: other, alert_since: always}\n")
    (folder / "other").mkdir()
    (folder / "articles" / "a.txt").write_text(f"Transportistas marchan\n\n{TEXT}\n", "utf-8")
    urls, cache = tmp_path / "urls", tmp_path / "cache.db"
    with running(folder) as desk:
        (before,) = eventually(lambda: desk.items("law-32108"))
        feed = f"{desk.url}/feeds/law-32108.rss"
        urls.write_text(f"{feed}\n")

        def unread() -> str:
            newsboat = [needed("newsboat"), "-u", str(urls), "-c", str(cache), "-x"]
            subprocess.run([*newsboat, "reload"], check=True, timeout=30, capture_output=True)
            said = subprocess.run(
                [*newsboat, "print-unread"], check=True, timeout=30, capture_output=True
            )
            return said.stdout.decode()

        assert unread().startswith("1 ")

        # when another outlet has it too
        (folder / "other" / "b.txt").write_text(f"Avenidas vacías\n\n{TEXT}{ADDED}\n", "utf-8")
        eventually(lambda: desk.items("law-32108")[0]["_tocsin"]["outlets"])

        # then the same item tells so, and is no second one to anybody
        (after,) = desk.items("law-32108")
        assert after["id"] == before["id"]
        assert after["date_modified"] > before["date_modified"]
        assert "Also in: other (+1 outlet)" in after["content_html"]
        assert unread().startswith("1 ")
        done = subprocess.run(
            [*node("read.mjs"), feed], capture_output=True, check=True, timeout=30
        )
        (read,) = json.loads(done.stdout)
        assert read["id"] == before["id"]
