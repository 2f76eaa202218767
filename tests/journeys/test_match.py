"""From the command line: articles in, rules and exact quotes out."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

RUN = [sys.executable, "-c", "from watcher.cli import main; main()", "match"]


def match(given: str, folder: Path, *files: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*RUN, *files],
        input=given,
        capture_output=True,
        text=True,
        encoding="utf-8",
        cwd=folder,
        check=False,
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


def test_quotes_of_files_are_cut_out_of_what_stands_in_them(tmp_path: Path) -> None:
    texts = {
        "one.txt": "😀 La EXTORSIO\u0301N",
        "two.txt": "\r\n Ley N.° 32.108 \U0001d54f\r\n\r\nextor\u00adsión\r\n",
        "page.html": "<title>Hoy</title><nav>extorsión</nav><p>😀 extor<b>si&oacute;n</b></p>"
        "<p>y extorsi&amp;oacute;n<script>extorsión</script></p>",
        "three.md": "# La Ley 32108\n\n*extorsión*, [leyes](http://x.example/extorsion)\n",
    }
    for name, text in texts.items():
        (tmp_path / name).write_text(text, "utf-8", newline="")
    done = match("", tmp_path, *texts)
    answers = {line["id"]: line for line in map(json.loads, done.stdout.splitlines())}
    assert done.returncode == 0
    assert answers.keys() == texts.keys()
    texts["page.html"] = "😀 extorsión\ny extorsión"
    for name, text in texts.items():
        places = [place for found in answers[name]["matches"] for place in found["because"]]
        in_text = [place for place in places if place["field"] == "text"]
        assert in_text
        assert all(text[one["start"] : one["end"]] == one["quote"] for one in in_text)
    quotes = [place["quote"] for place in answers["one.txt"]["matches"][0]["because"]]
    assert quotes == ["EXTORSIO\u0301N"]


def test_a_file_that_is_not_there_is_named_before_anything_is_matched(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("extorsión", "utf-8")
    done = match("", tmp_path, "a.txt", "b.txt")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no file b.txt" in done.stderr
