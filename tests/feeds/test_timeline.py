"""The pages of rules and of what was found by day."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from selectolax.lexbor import LexborHTMLParser

from feeds.catalogue import Catalogue
from rules import Entry, Problem
from rules.rule import Example
from tests.builders import NOON, a_catalogue, a_rule, an_entry
from tests.feeds.test_web import Desk


def with_examples() -> Catalogue:
    tests = (
        Example(entry=Entry(key="example", text="La Ley <32108>"), expected=True),
        Example(entry=Entry(key="example", text="Expediente"), expected=False, todo=True),
    )
    return a_catalogue(a_rule(tags=("perú", "<b>"), tests=tests), a_rule("extortion", "extorsion"))


def test_each_rule_is_shown_with_its_query_its_examples_and_what_it_found(desk: Desk) -> None:
    desk.catalogue = with_examples()
    answer = desk.client.get("/rules")
    assert answer.status_code == 200
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    page = LexborHTMLParser(answer.text)
    section = page.css('section[aria-labelledby="law-32108"]')[0]
    assert section.css_first("pre").text() == "law:32108"
    assert "1 match, last 2026-11-24 12:00 UTC" in section.css_first("h2").text()
    assert "perú · <b>" in section.text()
    assert [one.text().strip() for one in section.css("li")] == [
        "matches: La Ley <32108>",
        "does not match (not yet): Expediente",
    ]
    other = page.css('section[aria-labelledby="extortion"]')[0]
    assert "0 matches" in other.text()
    assert page.css("script, style, [style]") == []
    assert desk.client.get("/topics/extortion").status_code == 200


def test_a_rule_whose_file_is_refused_says_so(desk: Desk) -> None:
    problem = Problem(file="law-32108", line=3, column=7, code="R110", message="<unknown>")
    rule = next(iter(desk.catalogue.rules.values()))
    problem = replace(problem, file=rule.file)
    desk.catalogue = replace(desk.catalogue, problems=(problem,))
    section = LexborHTMLParser(desk.client.get("/rules").text).css_first("section")
    assert "<unknown>" in section.text()


def test_the_timeline_shows_what_was_found_by_day_and_topic(desk: Desk) -> None:
    desk.catalogue = a_catalogue(a_rule(title="Law"), a_rule("extortion", title="Extortion"))
    desk.find(an_entry("2", title="<Second>"), "law-32108", "extortion", at=NOON)
    desk.find(an_entry("3", title="Third"), "extortion", at=NOON - timedelta(days=3))
    desk.find(an_entry("4", title="Fourth"), at=NOON - timedelta(days=40))
    page = LexborHTMLParser(desk.client.get("/timeline").text)
    days = {one.attributes["datetime"]: one for one in page.css("h2 time")}
    assert list(days) == ["2026-11-24", "2026-11-21"]
    today = page.css("section")[0]
    assert {one.css_first("a").text() for one in today.css("dt")} == {"Law", "Extortion"}
    assert "<Second>" in [one.text() for one in today.css("dd a")]
    assert "Fourth" not in page.text()
    for link in page.css("main a"):
        href = str(desk.client.base_url.join("/timeline").join(link.attributes["href"] or ""))
        assert desk.client.get(href).status_code == 200, href


def test_each_month_has_a_page_and_others_are_not_there(desk: Desk) -> None:
    desk.find(an_entry("4", title="Fourth"), at=NOON - timedelta(days=62))
    page = LexborHTMLParser(desk.client.get("/timeline/2026-09").text)
    assert "Fourth" in page.text()
    assert "Nothing was found in this month" in desk.client.get("/timeline/2026-10").text
    for month in ("2026-08", "2026-12", "x", "2026-9"):
        assert desk.client.get(f"/timeline/{month}").status_code == 404


def test_a_long_day_names_the_first_and_counts_the_rest(desk: Desk) -> None:
    for number in range(2, 15):
        desk.find(an_entry(str(number)), at=NOON + timedelta(seconds=-number))
    text = LexborHTMLParser(desk.client.get("/timeline").text).css_first("dd").text()
    assert "and 4 more" in text


def test_a_desk_that_found_nothing_has_an_empty_timeline(desk: Desk) -> None:
    desk.catalogue = a_catalogue(a_rule("extortion", "extorsion"))
    assert "Nothing was found in the last days" in desk.client.get("/timeline").text
