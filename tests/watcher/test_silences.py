"""The commands about silences and previews, as they are called from the command line."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.desks import at_work, write_desk
from tests.feeds.servers import in_loop
from watcher.commands import preview, silences
from watcher.commands.errors import UsageError


@pytest.fixture
def desk(tmp_path: Path) -> Path:
    return write_desk(tmp_path / "desk", receiver="http://127.0.0.1:9/hook")


def said(capsys: pytest.CaptureFixture[str]) -> Any:
    return json.loads(capsys.readouterr().out)


def test_a_silence_is_made_listed_and_ended(desk: Path, capsys: pytest.CaptureFixture[str]) -> None:
    silences.silence(desk, "newsroom", "2h", "extortion", "The court sits", json=True)
    made = said(capsys)
    assert (made["endpoint"], made["rule"], made["in_force"]) == ("newsroom", "extortion", True)
    silences.show(desk, json=True)
    assert said(capsys) == [made]
    silences.end(desk, made["id"], json=True)
    assert not said(capsys)["in_force"]
    silences.end(desk, made["id"], json=False)
    assert "it is over since" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("name", "until", "rule", "why", "reason"),
    [
        ("newsrom", "2h", "", "x", "did you mean `newsroom`?"),
        ("newsroom", "soon", "", "x", "write a length of time"),
        ("newsroom", "2020-01-01", "", "x", "in the past"),
        ("newsroom", "999d", "", "x", "more than a year"),
        ("newsroom", "2h", "extorsion", "x", "did you mean `extortion`?"),
        ("newsroom", "2h", "", " ", "--why"),
    ],
)
def test_a_silence_that_makes_no_sense_is_refused(
    desk: Path, name: str, until: str, rule: str, why: str, reason: str
) -> None:
    with pytest.raises(UsageError, match=reason):
        silences.silence(desk, name, until, rule, why, json=False)


@in_loop
async def test_a_preview_shows_what_the_latest_match_would_send(
    desk: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    # given a webhook, and a channel with words of its own, and no match yet
    chat = (
        '[endpoints.chat]\nurl = "ntfy://ntfy.example/desk"\n'
        '[endpoints.chat.template]\ntitle = "{{ rule.id }}: {{ entry.source }}"\n'
    )
    (desk / "tocsin.toml").write_text((desk / "tocsin.toml").read_text() + chat)
    rules = desk / "rules" / "rules.yaml"
    rules.write_text(rules.read_text().replace("[newsroom]", "[newsroom, chat]"))
    preview.preview(desk, "newsroom", "match.created", None, json=True)
    first = said(capsys)
    assert (first["real"], first["body"]["type"]) == (False, "match.created")

    # when there is one
    (desk / "articles" / "a.txt").write_text("Una nota\n\nLa Ley 32108 cumple un año")
    async with at_work(desk) as app:
        await app.poller.poll("articles", due_only=False)
        (match,) = app.database.published(["law-32108"], 10)

    # then its words are shown
    capsys.readouterr()
    preview.preview(desk, "chat", "match.created", match.id, json=True)
    shown = said(capsys)
    assert (shown["title"], shown["real"]) == ("law-32108: articles", True)
    assert "Una nota" in shown["body"]
    assert shown["address"] == "ntfy://ntfy.example/desk"
    preview.preview(desk, "chat", "digest", None, json=True)
    assert said(capsys)["title"] == "1 alert"
    preview.preview(desk, "newsroom", "digest", None, json=True)
    assert said(capsys)["body"]["data"]["count"] == 1
    with pytest.raises(UsageError, match="no match `x`"):
        preview.preview(desk, "chat", "match.created", "x", json=True)
    with pytest.raises(UsageError, match="did you mean `digest`"):
        preview.preview(desk, "chat", "digst", None, json=True)
