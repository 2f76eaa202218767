"""From the command line: articles in, rules and exact quotes out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

RUN = [sys.executable, "-c", "from watcher.cli import main; main()", "match"]


def match(given: str, folder: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        RUN, input=given, capture_output=True, text=True, encoding="utf-8", cwd=folder, check=False
    )


def test_a_line_of_json_is_answered_with_rules_and_offsets_that_cut_out_the_quotes(
    tmp_path: Path,
) -> None:
    text = "La Ley N.° 32.108 y la EXTORSIO\u0301N"
    done = match(json.dumps({"id": "a", "text": text}) + "\n", tmp_path)
    answer = json.loads(done.stdout)
    assert done.returncode == 0
    assert sorted(answer["rules"]) == ["extortion", "law-32108"]
    places = [place for found in answer["matches"] for place in found["because"]]
    assert [text[place["start"] : place["end"]] for place in places] == [
        place["quote"] for place in places
    ]


def test_a_line_that_is_not_json_is_named_and_the_rest_goes_on(tmp_path: Path) -> None:
    done = match('x\n{"id": 2, "html": "<p>extor<b>sión</b></p>"}\n', tmp_path)
    assert done.returncode == 1
    assert "standard input:1" in done.stderr
    assert json.loads(done.stdout)["rules"] == ["extortion"]
