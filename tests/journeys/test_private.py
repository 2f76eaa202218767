"""A private feed from the command line: an address for one reader, and its end."""

from __future__ import annotations

import json
from pathlib import Path
from urllib.error import HTTPError

from tests.desks import write_desk
from tests.journeys.running import Running, eventually, running, tocsin


def status(desk: Running, path: str) -> int:
    try:
        desk.get(path)
    except HTTPError as error:
        error.close()
        return error.code
    return 200


def test_a_reader_gets_an_address_that_can_be_closed(tmp_path: Path) -> None:
    folder = write_desk(tmp_path / "desk")
    with (folder / "tocsin.toml").open("a") as settings:
        settings.write(
            '[feeds.inquiry]\ntitle = "Inquiry"\nrules = ["extortion"]\nprivate = true\n'
        )
    (folder / "articles" / "a.txt").write_text("La extorsión sigue.")
    with running(folder) as desk:
        made = tocsin("--desk", str(folder), "feeds", "token", "inquiry", "--json", cwd=tmp_path)
        address = json.loads(made.stdout)
        token = address["atom"].split("/private/")[1].split("/")[0]
        path = f"/private/{token}/feeds/inquiry.json"
        eventually(lambda: b"La extorsi" in desk.get(path))
        assert status(desk, "/feeds/extortion.atom") == 404
        assert status(desk, "/feeds/inquiry.atom") == 404

        gone = tocsin("--desk", str(folder), "feeds", "revoke", address["id"], cwd=tmp_path)
        assert gone.returncode == 0, gone.stderr
        assert status(desk, path) == 404
        refused = tocsin("--desk", str(folder), "feeds", "revoke", address["id"], cwd=tmp_path)
        assert refused.returncode == 2
        assert "there is no reader" in refused.stderr
    assert token not in desk.log.read_text("utf-8")
