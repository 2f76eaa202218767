"""tocsin.toml: what it takes, what it refuses, and what the environment overrides."""

from __future__ import annotations

from datetime import time, timedelta
from pathlib import Path

import pytest

from feeds.signing import new_secret
from rules import DeskError
from store.holding import Digest, Holding, Limit, Quiet
from watcher.settings import Settings, read_settings

SECRET = new_secret()
ENDPOINT = '[endpoints.newsroom]\nurl = "https://example.org/hook"\n'


def settings(folder: Path, text: str = "", **environ: str) -> Settings:
    (folder / "tocsin.toml").write_text(text, "utf-8")
    return read_settings(folder, "tocsin.toml", environ)


def problems(folder: Path, text: str, **environ: str) -> list[tuple[str, str]]:
    with pytest.raises(DeskError) as caught:
        settings(folder, text, **environ)
    return [(str(problem), problem.hint) for problem in caught.value.problems]


def test_a_desk_without_settings_has_the_defaults(tmp_path: Path) -> None:
    found = read_settings(tmp_path, "tocsin.toml", {})
    assert found.site.base_url == "http://127.0.0.1:8765"
    assert found.store_url == f"sqlite:///{tmp_path.resolve()}/data/tocsin.db"


def test_a_server_that_listens_everywhere_is_linked_to_by_its_base_url_else_on_this_machine(
    tmp_path: Path,
) -> None:
    everywhere = '[server]\nhost = "0.0.0.0"\n'
    assert settings(tmp_path, everywhere).site.base_url == "http://127.0.0.1:8765"
    named = everywhere + '[site]\nbase_url = "https://alerts.example.org/desk/"'
    assert settings(tmp_path, named).site.base_url == "https://alerts.example.org/desk"


@pytest.mark.parametrize(
    ("text", "problem", "hint"),
    [
        ("[servr]\nport = 1", "tocsin.toml:1:1: S101 unknown key `servr`", "`server`"),
        ("[server]\n\nprot = 1", "tocsin.toml:3:1: S101 unknown key `prot`", "`port`"),
        ("[server]\nport = 70000", "tocsin.toml:2:1: S104 `port` = 70000", ""),
        ("[server\nport = 1", "tocsin.toml:1:8: T102 not valid TOML", "quotes"),
        ('[polling]\nmin = "soon"', "tocsin.toml:2:1: S104 `min` = 'soon'", "15m"),
        ('[polling]\nmin = "2d"', "S109 `min` is longer than `max`", "swap"),
        ('[site]\nbase_url = "example.org"', "tocsin.toml:2:1: S104 `base_url`", "https://"),
        ('[feeds.health]\ntitle = "x"\nrules = ["a"]', "S110 the feed `health`", "another name"),
        ('[feeds.all]\ntitle = "x"\nrules = ["a"]', "S110 the feed `all`", "another name"),
        ('[feeds."A b"]\ntitle = "x"\nrules = ["a"]', "is not a name", "a-z"),
        ("[store]\nurl = 5", "tocsin.toml:2:1: S104 `url` = 5", ""),
        ('[engine]\nkind = "celery"', "tocsin.toml:2:1: S104 `kind` = 'celery'", ""),
    ],
)
def test_a_mistake_is_told_with_its_place_and_what_to_do(
    tmp_path: Path, text: str, problem: str, hint: str
) -> None:
    ((found, advice),) = problems(tmp_path, text)
    assert problem in found
    assert hint in advice


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    found = problems(tmp_path, '[server]\nport = "x"\n[site]\ntitel = "y"\n')
    assert len(found) == 2


def test_a_file_that_is_not_utf8_is_told_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "tocsin.toml").write_bytes(b"[site]\ntitle = '\xff'\n")
    with pytest.raises(DeskError, match=r"tocsin.toml:2:1: T101"):
        read_settings(tmp_path, "tocsin.toml", {})


def test_the_environment_overrides_the_file(tmp_path: Path) -> None:
    found = settings(
        tmp_path,
        "[server]\nport = 1",
        TOCSIN_SERVER__PORT="9000",
        TOCSIN_SITE__TITLE="Night desk",
        TOCSIN_DESK="elsewhere",
    )
    assert (found.values.server.port, found.site.title) == (9000, "Night desk")


@pytest.mark.parametrize(
    ("variable", "value", "reason"),
    [
        ("TOCSIN_SERVER__PORT", "many", "$TOCSIN_SERVER__PORT:1:1: S104 `port`"),
        ("TOCSIN_SERVER__PROT", "1", "$TOCSIN_SERVER__PROT:1:1: S101 unknown key `prot`"),
        ("TOCSIN_PORT", "1", "$TOCSIN_PORT:1:1: S106"),
    ],
)
def test_a_wrong_variable_is_told_by_its_name(
    tmp_path: Path, variable: str, value: str, reason: str
) -> None:
    ((found, _),) = problems(tmp_path, "", **{variable: value})
    assert reason in found


def test_a_secret_comes_from_the_environment_or_from_a_file(tmp_path: Path) -> None:
    (tmp_path / "newsroom.secret").write_text(f"{SECRET}\n")
    by_file = settings(tmp_path, ENDPOINT + 'secret = {file = "newsroom.secret"}')
    by_env = settings(tmp_path, ENDPOINT + 'secret = {env = "KEY"}', KEY=SECRET)
    assert by_file.endpoints["newsroom"].secrets == (SECRET,)
    assert by_env.endpoints["newsroom"].secrets == (SECRET,)
    assert SECRET not in repr(by_env.endpoints)


@pytest.mark.parametrize(
    ("line", "problem", "hint"),
    [
        ("", "S102 the key `secret` is missing", "new-secret"),
        ('secret = {env = "KEY"}', "S107 the environment variable KEY is not set", "export KEY"),
        ('secret = {file = "none"}', "S107 the secret file none cannot be read", "put the secret"),
        ("secret = {}", "S107 a secret names one variable or one file", "NEWSROOM_SECRET"),
        ('secret = {env = "SHORT"}', "S108 the secret cannot be used", "new-secret"),
    ],
)
def test_a_secret_that_cannot_be_had_is_told_without_being_shown(
    tmp_path: Path, line: str, problem: str, hint: str
) -> None:
    ((found, advice),) = problems(tmp_path, ENDPOINT + line, SHORT="whsec_c2hvcnQ=")
    assert problem in found
    assert hint in advice
    assert "c2hvcnQ" not in found


def test_a_secret_does_not_stand_in_the_text(tmp_path: Path) -> None:
    ((found, _),) = problems(tmp_path, ENDPOINT + f'secret = "{SECRET}"')
    assert "`secret`" in found
    assert SECRET not in found


def test_an_unknown_event_is_told_with_the_nearest(tmp_path: Path) -> None:
    text = ENDPOINT + 'secret = {env = "KEY"}\nevents = ["match.create"]'
    ((found, hint),) = problems(tmp_path, text, KEY=SECRET)
    assert "S105" in found
    assert "match.created" in hint


def test_the_address_of_an_endpoint_can_be_a_secret_too(tmp_path: Path) -> None:
    text = '[endpoints.chat]\nurl = {env = "URL"}\nsecret = {env = "KEY"}'
    found = settings(tmp_path, text, URL="https://example.org/token", KEY=SECRET)
    assert found.endpoints["chat"].url == "https://example.org/token"
    ((problem, _),) = problems(tmp_path, text, URL="nowhere", KEY=SECRET)
    assert "S104" in problem
    assert "nowhere" not in problem


CHANNEL = '[endpoints.chat]\nurl = "ntfy://ntfy.example/desk"\n'


def test_an_endpoint_may_be_a_channel_with_words_of_its_own(tmp_path: Path) -> None:
    (tmp_path / "chat.md").write_text("{{ bold(entry.title) }}", "utf-8")
    text = CHANNEL + (
        '[endpoints.chat.template]\ntitle = "{{ rule.title }}"\nbody = {file = "chat.md"}\n'
        '[endpoints.chat.template.digest]\ntitle = "{{ count }} alerts"\n'
    )
    spec = settings(tmp_path, text).endpoints["chat"]
    assert (spec.kind, spec.secrets) == ("channel", ())
    assert spec.templates["match"].body == "{{ bold(entry.title) }}"
    assert spec.templates["digest"].title == "{{ count }} alerts"
    secret = settings(
        tmp_path, '[endpoints.chat]\nurl = {env = "URL"}', URL="ntfys://u:w@n.example/d"
    )
    assert secret.endpoints["chat"].kind == "channel"
    assert "u:w" not in repr(secret.endpoints["chat"])


@pytest.mark.parametrize(
    ("text", "line", "said", "advised"),
    [
        ('[endpoints.chat]\nurl = "nfty://h/t"', 2, "there is no channel `nfty://`", "`ntfy://`"),
        ('[endpoints.chat]\nurl = "ntfys://u:w@h/t"', 2, "S113 this address holds a secret", "env"),
        (CHANNEL + 'secret = {env = "KEY"}', 3, "S112 a channel has no signing secret", "leave it"),
        (CHANNEL + 'template = {title = "{{ rule.titel }}"}', 3, "did you mean `title`?", "names"),
        (
            CHANNEL + '[endpoints.chat.template]\nbody = """\none\n{{ nothing }}\n"""',
            6,
            "S114 the template cannot be used: there is no `nothing`",
            "names",
        ),
        (
            CHANNEL + '[endpoints.chat.template.digest]\nbody = {file = "../chat.md"}',
            4,
            "S114 the template ../chat.md lies outside the desk",
            "put it",
        ),
        (CHANNEL + "[endpoints.chat.template]\nbodi = 'x'", 4, "S101 unknown key `bodi`", "`body`"),
        (
            ENDPOINT + 'secret = {env = "KEY"}\ntemplate = {title = "x"}',
            4,
            "S112 a webhook gets JSON",
            "channels",
        ),
    ],
)
def test_a_channel_that_cannot_work_is_told_at_its_place(
    tmp_path: Path, text: str, line: int, said: str, advised: str
) -> None:
    ((found, hint),) = problems(tmp_path, text, KEY=SECRET)
    assert said in found
    assert advised in hint
    assert f":{line}:" in found
    assert "u:w" not in found + hint


def test_a_template_in_a_file_is_told_of_there(tmp_path: Path) -> None:
    (tmp_path / "chat.md").write_text("one\ntwo\n{{ entry.titel }}", "utf-8")
    text = CHANNEL + '[endpoints.chat.template]\nbody = {file = "chat.md"}'
    ((found, _),) = problems(tmp_path, text)
    assert "chat.md:3:1: S114" in found


def test_an_endpoint_says_when_it_is_told(tmp_path: Path) -> None:
    text = CHANNEL + (
        'digest = {at = "07:00", zone = "America/Lima", empty = true}\n'
        'quiet = {from = "22:00", to = "06:30", zone = "Europe/Madrid"}\n'
        'at_most = {count = 10, per = "1h"}\n'
    )
    assert settings(tmp_path, text).endpoints["chat"].holding == Holding(
        digest=Digest(at=time(7), zone="America/Lima", empty=True),
        quiet=Quiet(start=time(22), end=time(6, 30), zone="Europe/Madrid"),
        at_most=Limit(count=10, per=timedelta(hours=1)),
    )
    hourly = settings(tmp_path, CHANNEL + 'digest = "hourly"').endpoints["chat"]
    assert hourly.holding == Holding(digest=Digest())


@pytest.mark.parametrize(
    ("written", "said", "advised"),
    [
        ('digest = "daily"', "not a digest", "hourly"),
        ('digest = {at = "7 am"}', "not a time of the day", "07:00"),
        ('digest = {at = "24:10"}', "not a time of the day", "07:00"),
        ('digest = {at = "07:00", zone = "America/Lina"}', "not a time zone", "America/Lima"),
        ('digest = {zone = "America/Lima"}', "the key `at` is missing", ""),
        ('quiet = {from = "07:00", to = "07:00"}', "are the same", "no rule"),
        ('quiet = {form = "07:00", to = "08:00"}', "unknown key `form`", "`from`"),
        ('at_most = {count = 0, per = "1h"}', "`count` = 0", ""),
        ('at_most = {count = 3, per = "soon"}', "not a length of time", "15m"),
    ],
)
def test_a_mistake_in_when_to_tell_is_told_with_what_to_do(
    tmp_path: Path, written: str, said: str, advised: str
) -> None:
    found = problems(tmp_path, CHANNEL + written)
    assert any(said in problem and advised in hint for problem, hint in found), found
    assert all(problem.startswith("tocsin.toml:3:1: ") for problem, _ in found)
