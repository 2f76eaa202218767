from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from feeds.messages import FORMATS, Limits, TemplateProblemError, check, message
from feeds.payload import EVENTS
from feeds.samples import sample, samples
from store import MessageTemplate
from tests.builders import BASE, NOON

ALL = (*EVENTS, "digest")


def a_match(**entry: Any) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(sample("match.created", NOON, BASE)))
    told["data"]["entry"].update(entry)
    return told


def owned(title: str = "", body: str = "", form: Any = "") -> dict[str, MessageTemplate]:
    return {"match": MessageTemplate(title=title, body=body, format=form)}


@pytest.mark.parametrize("form", FORMATS)
@pytest.mark.parametrize("event", ALL)
def test_every_event_has_words_in_every_format(event: str, form: Any) -> None:
    for told in samples(event, NOON, BASE):
        written = message(told, {}, Limits(format=form))
        assert (written.format, written.problem) == (form, "")
        assert written.title
        assert written.body


def test_a_match_is_told_with_its_article_its_quote_and_why() -> None:
    written = message(a_match(), {}, Limits())
    assert written.title == "Peru: Law 32108: Congress debates Law 32108 again"
    assert "“Deputies want to scrap Law 32108 before the year ends.”" in written.body
    assert "andina · 2026-11-24 09:30 UTC" in written.body
    assert "Article: https://news.example/law-32108" in written.body
    assert f"Why it matched: {BASE}/matches/" in written.body


def test_a_match_names_the_other_outlets_of_its_story_each_once() -> None:
    told = a_match()
    told["data"]["outlets"] = [{"name": name} for name in ("rpp", "andina", "rpp")]
    assert message(told, {}, Limits()).body.endswith("Also in: rpp, andina")
    del told["data"]["outlets"]  # as in what was stored before they were told
    assert "Also in" not in message(told, {}, Limits()).body


def test_an_event_that_we_have_no_words_for_is_written_out() -> None:
    told = {"type": "tide.high", "timestamp": "2026-11-24T12:00:00Z", "data": {"level": 3}}
    written = message(told, {}, Limits())
    assert (written.title, written.body) == ("tide.high", "level: 3")


def test_what_an_article_says_is_no_markup() -> None:
    told = a_match(
        title="<b>Law</b> *of* [the](http://x.example) land", url="https://n.example/a)b"
    )
    html = message(told, {}, Limits(format="html")).body
    assert "&lt;b&gt;Law&lt;/b&gt;" in html
    markdown = message(told, {}, Limits(format="markdown")).body
    assert r"\*of\* \[the\](http" in markdown
    assert "(https://n.example/a%29b)" in markdown


@settings(max_examples=40)
@given(st.text(max_size=400), st.text(max_size=4000), st.sampled_from(FORMATS), st.integers(0, 300))
def test_whatever_an_article_says_the_message_fits(
    title: str, quote: str, form: Any, longest: int
) -> None:
    told = a_match(title=title, summary=quote)
    told["data"]["because"][0]["context"] = quote
    written = message(
        told, {}, Limits(format=form, title=longest, body=500 if form != "html" else 0)
    )
    assert len(written.title) <= (longest or 250)
    assert "\n" not in written.title
    if form != "html":
        assert len(written.body) <= 500


def test_a_digest_lists_what_fits_and_counts_the_rest() -> None:
    # given a digest of more than a channel of 2,000 characters takes
    (told, *_) = json.loads(json.dumps(samples("digest", NOON, BASE)))
    told["data"]["events"] = told["data"]["events"][:1] * 120
    told["data"]["count"] = 120

    # when it is written
    written = message(told, {}, Limits(format="html", body=2000))

    # then whole lines stand there, and how many do not
    assert len(written.body) <= 2000
    listed = written.body.count("•")
    assert listed == 12
    assert f"… and {120 - listed} more" in written.body
    assert written.title == "120 alerts"


def test_the_desk_s_own_words_take_the_place_of_ours() -> None:
    templates = owned("{{ rule.id }} #{{ seq }}", "{{ bold(entry.title) }}", "markdown")
    written = message(a_match(), templates, Limits(format="html"))
    assert (written.title, written.format) == ("law-32108 #1", "markdown")
    assert written.body == "**Congress debates Law 32108 again**"
    ours = message(sample("source.failing", NOON, BASE), templates, Limits())
    assert ours.title == "Source in trouble: andina"


@pytest.mark.parametrize(
    ("body", "reason", "line"),
    [
        ("{{ entry.titel }}", "there is no `titel`; did you mean `title`?", 1),
        ("one\n{{ nothing }}", "there is no `nothing`", 2),
        ("one\n\n{% for x in because %}", "Unexpected end of template", 3),
        ("{{ 'x' * 10 ** 9 }}", "makes too much", 1),
        ("{{ ().__class__.__mro__ }}", "there is no `__class__`", 1),
        ("{{ 1 / 0 }}", "division by zero", 1),
        ("{{ entry.title | moment }}", "Invalid isoformat", 1),
        ("{% include 'match.txt' %}{{ x }}", "there is no `x`", 1),
    ],
)
def test_a_template_that_fails_says_where_and_loses_nothing(
    body: str, reason: str, line: int
) -> None:
    # when it is checked, the error names the line
    with pytest.raises(TemplateProblemError, match=r".*") as caught:
        check(MessageTemplate(body=body), "body", a_match())
    assert reason in str(caught.value)
    assert caught.value.line == line

    # when it is sent all the same, ours is
    written = message(a_match(), owned(body=body), Limits())
    assert reason in written.problem
    assert written.body == message(a_match(), {}, Limits()).body


def test_a_template_cannot_write_without_end() -> None:
    endless = owned(body="{% for a in range(900) %}{{ 'x' * 1000 }}{% endfor %}")
    assert len(message(a_match(), endless, Limits()).body) <= 30_000
    html = message(
        a_match(), {"match": MessageTemplate(body=endless["match"].body, format="html")}, Limits()
    )
    assert "too long" in html.problem
