"""The store is copied, brought back and brought up to date from the command line."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

from tests.desks import write_desk
from tests.faults.test_kill import receiving, write_article
from tests.journeys.running import eventually, running, tocsin


def test_after_yesterdays_backup_is_restored_receivers_have_each_article_once(
    tmp_path: Path,
) -> None:
    with receiving() as (address, receiver):
        # given a backup, made beside the desk that runs, and what came since
        folder = write_desk(tmp_path / "desk", receiver=address)
        desk = ["--desk", str(folder)]
        with running(folder):
            write_article(folder, 0)
            eventually(lambda: len(receiver.taken) == 1)
            done = tocsin(*desk, "backup", "yesterday.db", "--json", cwd=tmp_path)
            assert json.loads(done.stdout)["bytes"] > 0
            busy = tocsin(*desk, "restore", "yesterday.db", cwd=tmp_path)
            assert busy.returncode == 2
            assert "stop it" in busy.stderr
            write_article(folder, 1)
            eventually(lambda: len(receiver.taken) == 2)
        told = {identity for identity, _ in receiver.taken}

        # when it is restored, and the desk goes on
        done = tocsin(*desk, "restore", "yesterday.db", "--json", cwd=tmp_path)
        kept = Path(json.loads(done.stdout)["kept"])
        assert kept.parent == folder / "data"
        write_article(folder, 2)
        poll = tocsin(*desk, "poll", "--all", cwd=tmp_path)
        assert poll.returncode == 0, poll.stderr

    # then what is sent twice has the id that it had, and nothing is missing
    identities = [identity for identity, _ in receiver.taken]
    assert len(identities) == 4
    assert set(identities[:3]) == told
    assert len(set(identities)) == 3


def test_a_broken_rule_keeps_nobody_from_a_backup(tmp_path: Path) -> None:
    folder = write_desk(tmp_path / "desk")
    desk = ["--desk", str(folder)]
    early = tocsin(*desk, "backup", "a.db", cwd=tmp_path)
    assert early.returncode == 2
    assert "there is no store" in early.stderr
    assert tocsin(*desk, "migrate", cwd=tmp_path).stdout.strip() == "A new store was made."
    (folder / "rules" / "rules.yaml").write_text("version: 9")
    assert tocsin(*desk, "backup", "a.db", cwd=tmp_path).returncode == 0
    again = tocsin(*desk, "backup", "a.db", cwd=tmp_path)
    assert again.returncode == 2
    assert "nothing is overwritten" in again.stderr
    assert "a.db is the store now" in tocsin(*desk, "restore", "a.db", cwd=tmp_path).stdout


def test_a_migration_says_from_where_to_where_and_what_it_kept(tmp_path: Path) -> None:
    folder = write_desk(tmp_path / "desk")
    migrate = ["--desk", str(folder), "migrate", "--json"]
    nothing = {"migrated": False, "from": None, "to": None, "copy": None}
    assert json.loads(tocsin(*migrate, cwd=tmp_path).stdout)["migrated"] is True
    assert json.loads(tocsin(*migrate, cwd=tmp_path).stdout) == nothing
    with sqlite3.connect(folder / "data" / "tocsin.db") as newer:
        newer.execute("UPDATE alembic_version SET version_num = '9999'")
    done = tocsin(*migrate, cwd=tmp_path)
    assert done.returncode == 2
    assert "newer tocsin" in done.stderr


def test_a_desk_moves_to_another_store_and_tells_nothing_again(tmp_path: Path) -> None:
    with receiving() as (address, receiver):
        folder = write_desk(tmp_path / "desk", receiver=address)
        desk = ["--desk", str(folder)]
        write_article(folder, 0)
        assert tocsin(*desk, "poll", "--all", cwd=tmp_path).returncode == 0
        done = tocsin(*desk, "export", "all.jsonl", "--json", cwd=tmp_path)
        rows = json.loads(done.stdout)["rows"]
        refused = tocsin(*desk, "import", "all.jsonl", cwd=tmp_path)
        assert refused.returncode == 2
        assert "not empty" in refused.stderr

        new = {"TOCSIN_STORE__URL": "sqlite:///data/new.db"}
        taken = tocsin(*desk, "import", "all.jsonl", "--json", cwd=tmp_path, environ=new)
        assert json.loads(taken.stdout)["rows"] == rows
        write_article(folder, 1)
        assert tocsin(*desk, "poll", "--all", cwd=tmp_path, environ=new).returncode == 0
    assert len(receiver.taken) == 2
