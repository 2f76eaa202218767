"""What operators do with deliveries and endpoints from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from standardwebhooks import Webhook

from tests.desks import SECRET, write_desk
from tests.faults.test_kill import receiving
from tests.feeds.servers import Asked, respond
from tests.journeys.running import tocsin
from watcher.keys import parsed


def run(folder: Path, *arguments: str, code: int = 0) -> Any:
    """Return what a command wrote as JSON."""
    done = tocsin("--desk", str(folder), *arguments, "--json", cwd=folder.parent)
    assert done.returncode == code, (done.stdout, done.stderr)
    return json.loads(done.stdout)


def polled(folder: Path, *texts: str) -> None:
    for number, text in enumerate(texts):
        (folder / "articles" / f"{number}.txt").write_text(text, "utf-8")
    run(folder, "poll", "--all")


def test_what_was_sent_can_be_sent_again_with_the_same_ids_and_bytes(tmp_path: Path) -> None:
    with receiving() as (address, receiver):
        folder = write_desk(tmp_path / "desk", receiver=address)
        polled(folder, "Ley 32108", "Otra vez la Ley 32108")
        first = sorted(receiver.taken)
        listed = run(folder, "deliveries", "list", "--since", "1h", "--endpoint", "newsroom")
        assert sorted(one["id"] for one in listed) == [identity for identity, _ in first]
        assert run(folder, "deliveries", "list", "--since", "2099-01-01") == []

        replayed = run(folder, "deliveries", "replay", "--since", "1h", "--endpoint", "newsroom")
        assert replayed == {"due": 2, "delivered": 2}
        assert sorted(receiver.taken) == sorted(first * 2)
        assert run(folder, "deliveries", "replay", "--since", "1h", "--state", "held")["due"] == 0

        again = run(folder, "deliveries", "redeliver", first[0][0])
        assert (again["state"], len(again["log"])) == ("delivered", 3)


def test_a_secret_is_rotated_with_an_overlap_in_which_both_receivers_verify(
    tmp_path: Path,
) -> None:
    seen: list[Asked] = []

    def take(asked: Asked) -> bytes:
        seen.append(asked)
        return respond(204)

    with receiving(take) as (address, _):
        folder = write_desk(tmp_path / "desk", receiver=address)
        rotated = run(folder, "endpoints", "rotate-secret", "newsroom", "--overlap", "1h")
        assert (rotated["endpoint"], rotated["rotated"]) == ("newsroom", True)
        assert SECRET not in json.dumps(rotated)
        keys = parsed((folder / "newsroom.secret").read_text())
        assert [key for key, _ in keys.older] == [SECRET]
        assert keys.current != SECRET

        polled(folder, "Ley 32108")
        (asked,) = seen
        for secret in (SECRET, keys.current):
            Webhook(secret).verify(asked.body, dict(asked.headers))

        run(folder, "endpoints", "rotate-secret", "newsroom", "--overlap", "0s")
        newest = parsed((folder / "newsroom.secret").read_text())
        assert [key for key, _ in newest.older] == [SECRET]
    done = tocsin("--desk", str(folder), "endpoints", "rotate-secret", "newsrom", cwd=folder.parent)
    assert done.returncode == 2
    assert "newsroom" in done.stderr


def test_a_secret_of_the_environment_is_rotated_by_its_operator(tmp_path: Path) -> None:
    folder = write_desk(tmp_path / "desk", receiver="http://127.0.0.1:1/hook")
    settings = (folder / "tocsin.toml").read_text()
    (folder / "tocsin.toml").write_text(
        settings.replace('{file = "newsroom.secret"}', '{env = "NEWSROOM_SECRET"}')
    )
    done = tocsin(
        "--desk",
        str(folder),
        "endpoints",
        "rotate-secret",
        "newsroom",
        cwd=folder.parent,
        environ={"NEWSROOM_SECRET": SECRET},
    )
    assert done.returncode == 0
    assert 'previous = {env = "NEWSROOM_SECRET_OLD"}' in done.stdout
    assert "[endpoints.newsroom]" in done.stdout
    assert SECRET not in done.stdout
