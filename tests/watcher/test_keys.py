"""Secrets are rotated in their file, and two of them sign until the overlap ends."""

from __future__ import annotations

import stat
from datetime import timedelta
from pathlib import Path

import pytest
from standardwebhooks import Webhook, WebhookVerificationError

from feeds.signing import new_secret, sign
from rules import DeskError
from store import EndpointSpec
from tests.builders import NOON
from tests.desks import SECRET, at_work, write_desk
from tests.feeds.servers import in_loop
from watcher.keys import Keys, SecretFileError, parsed, replace_file

HOUR = timedelta(hours=1)


def test_what_was_rotated_reads_back_and_ends_in_its_time() -> None:
    keys = Keys(current=new_secret())
    for number in range(3):
        keys = keys.rotated(new_secret(), NOON + number * HOUR, NOON + (number + 24) * HOUR)
    assert parsed(keys.written()) == keys
    assert [until for _, until in keys.older] == [NOON + n * HOUR for n in (26, 25, 24)]
    later = keys.rotated(new_secret(), NOON + 25 * HOUR, NOON + 26 * HOUR)
    assert len(later.older) == 2


def test_without_overlap_the_old_secret_is_gone() -> None:
    keys = Keys(current=SECRET).rotated(new_secret(), NOON, NOON)
    assert SECRET not in keys.written()


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "empty"),
        ("whsec_short", "not base64"),
        (f"{SECRET}\n{SECRET}\n", "line 2"),
        (f"{SECRET}\n{SECRET} until soon\n", "line 2"),
        (f"{SECRET}\nhello until 2026-11-24T12:00:00Z\n", "line 2"),
    ],
)
def test_a_file_that_cannot_be_used_is_named_by_its_line_without_its_secret(
    text: str, why: str
) -> None:
    with pytest.raises(SecretFileError, match=why) as refused:
        parsed(text)
    assert SECRET not in str(refused.value)


def test_both_secrets_sign_until_the_overlap_ends_and_then_one() -> None:
    new = new_secret()
    endpoint = EndpointSpec(
        name="newsroom",
        url="https://news.example",
        secrets=(new,),
        retiring=((SECRET, NOON + HOUR),),
    )
    assert endpoint.keys(NOON) == (new, SECRET)
    assert endpoint.keys(NOON + HOUR) == (new,)
    assert SECRET not in repr(endpoint)
    headers = sign(endpoint.keys(NOON), "msg_1", NOON, b"{}")
    assert len(headers["webhook-signature"].split()) == 2


def test_the_file_keeps_its_mode_and_a_link_keeps_leading_to_it(tmp_path: Path) -> None:
    real, link = tmp_path / "real", tmp_path / "link"
    real.write_text(SECRET)
    real.chmod(0o640)
    link.symlink_to(real)
    replace_file(link, Keys(current=new_secret()))
    assert link.is_symlink()
    assert stat.S_IMODE(real.stat().st_mode) == 0o640
    assert SECRET not in real.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["link", "real"]


@in_loop
async def reloaded(folder: Path) -> None:
    (folder / "newsroom.secret").write_text(SECRET)
    async with at_work(folder) as app:
        (before,) = app.state.endpoints["newsroom"].secrets
        keys = Keys(current=before).rotated(new_secret(), NOON, NOON + HOUR)
        replace_file(folder / "newsroom.secret", keys)
        await app._reload(set())
        after = app.state.endpoints["newsroom"]
        assert after.keys(NOON) == (keys.current, before)

        # A file that is half written keeps the last good secrets, and the desk says so.
        (folder / "newsroom.secret").write_text("")
        await app._reload(set())
        assert app.state.endpoints["newsroom"] == after
        assert "newsroom.secret is empty" in str(app.state.problems[0])

        settings = (folder / "tocsin.toml").read_text()
        (folder / "newsroom.secret").write_text(SECRET)
        (folder / "tocsin.toml").write_text(
            settings + '[endpoints.union]\nurl = "https://union.example"\n'
            'secret = {file = "newsroom.secret"}\n[site]\ntitle = "Another"\n'
        )
        await app._reload(set())
        assert set(app.state.endpoints) == {"newsroom", "union"}
        assert app.state.problems == ()
        assert app.state.settings.site.title == "tocsin"
        assert [one.name for one in app.database.endpoints()] == ["newsroom", "union"]


def test_secrets_and_endpoints_are_taken_in_as_they_are_edited(tmp_path: Path) -> None:
    reloaded(write_desk(tmp_path / "desk", receiver="http://127.0.0.1:1/hook"))


@in_loop
async def previous(folder: Path, environ: dict[str, str]) -> None:
    from watcher.desk import read_desk

    assert read_desk(folder, environ).endpoints["newsroom"].keys(NOON) == tuple(environ.values())


def test_a_secret_of_the_environment_has_one_before_it_that_signs_too(tmp_path: Path) -> None:
    folder = write_desk(tmp_path / "desk", receiver="http://127.0.0.1:1/hook")
    settings = (folder / "tocsin.toml").read_text()
    written = 'secret = {env = "NEW"}\nprevious = {env = "OLD"}'
    (folder / "tocsin.toml").write_text(
        settings.replace('secret = {file = "newsroom.secret"}', written)
    )
    previous(folder, {"NEW": new_secret(), "OLD": new_secret()})
    with pytest.raises(DeskError, match="OLD is not set"):
        previous(folder, {"NEW": new_secret()})


def test_a_receiver_with_either_secret_takes_what_both_signed() -> None:
    old, new = new_secret(), new_secret()
    now = NOON.now(NOON.tzinfo)
    headers = dict(sign((new, old), "msg_1", now, b"{}"))
    for secret in (old, new):
        Webhook(secret).verify(b"{}", headers)
    with pytest.raises(WebhookVerificationError):
        Webhook(new_secret()).verify(b"{}", headers)
