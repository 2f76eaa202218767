"""Every feed is valid to a strict checker, whatever the articles in it hold."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from feeds.address import Part
from feeds.items import channel
from feeds.shelf import RENDERERS
from rules import Entry
from store import Feed, Published, Span
from tests.builders import BASE, NOON, a_catalogue, a_place, a_rule, an_entry, published
from tests.feeds.validator import problems_of

FORMS = ["atom", "rss", "json"]
LONG = "palabra " * 1300
HOSTILE = {
    "control characters": an_entry(title="a\x00b\x08\x1b[31m\x7f", text="\x0b\x0c\x85 Law 32108"),
    "lone surrogates": an_entry(title="\ud83d broken \udc00", text="\udfff", authors=("\ud800",)),
    "markup in the title": an_entry(title="<script>alert(1)</script> <b>Ley</b> &amp; &lt;i&gt;"),
    "escaped many times": an_entry(title="&amp;amp;amp;lt;b&amp;amp;amp;gt;x&amp;lt;/b&gt;"),
    "a title that is less than": an_entry(title="3 < 5 & 7 > 2"),
    "nothing but markup": an_entry(title="<p></p>&nbsp;", text="<br>"),
    "an IRI": an_entry(url="https://münchen.example/ñandú y más?q=é#日本"),
    "a javascript: link": an_entry(url="javascript:alert(document.cookie)"),
    "a data: link": an_entry(url="data:text/html,<script>alert(1)</script>"),
    "a broken link": an_entry(url="https://[::1/%zz"),
    "a relative link": an_entry(url="/noticias/1"),
    "quotes in a link": an_entry(url="https://x.example/\"><script>'{}|\\^`"),
    "emoji": an_entry(title="🚌🔥 👩‍👩‍👧‍👦 🏴󠁧󠁢󠁥󠁮󠁧󠁿", authors=("👩",), tags=("🏷️",)),
    "right to left": an_entry(title="\u202eمرحبا\u202c שלום", text="\u2067قانون\u2069 Law 32108"),
    "a title of 10 KB": an_entry(title=LONG, text=LONG * 3, authors=(LONG,), tags=(LONG,)),
    "nothing at all": an_entry(title="", text="", summary="", url="", authors=(), lang=""),
    "blanks": an_entry(title=" \t\n\u00a0\u2003", text=" ", authors=(" ", ""), tags=("", " ")),
    "no language": an_entry(lang="español; DROP TABLE"),
    "a language that there is not": an_entry(lang="xx-klingon"),
    "the future": an_entry(published=NOON + timedelta(days=4000), updated=NOON + timedelta(1)),
    "the year 1": an_entry(published=datetime(1, 1, 1, tzinfo=UTC)),
    "the year 9999": an_entry(published=datetime(9999, 12, 31, 23, 59, 59, tzinfo=UTC)),
    "authors and tags with markup": an_entry(
        authors=("<A> & Co.",), tags=("a&b", "<c>", "a&amp;b")
    ),
    "the end of CDATA": an_entry(title="]]> ]]&gt;", text="]]> <![CDATA[ Law 32108"),
    "non-characters": an_entry(title="\ufffe\uffff\ufdd0\U0001fffe x", text="\ufffe"),
    "the same tag twice": an_entry(tags=("law-32108", "x", "x", "X")),
}


def findings(*matches: Published, form: str, feed: Feed | None = None, now=NOON) -> list[str]:
    catalogue = a_catalogue(a_rule(title="Ley & <b>orden</b>", tags=("perú",)))
    shown = feed or catalogue.feeds["law-32108"]
    whole = channel(shown, Part(name=shown.name), Span(matches=matches), catalogue, now)
    body = RENDERERS[form][0](whole)
    return problems_of(body, form, f"{BASE}/feeds/{shown.name}.{form}", now)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_article_leaves_its_feed_valid(name: str, form: str) -> None:
    entry = HOSTILE[name]
    place = a_place(start=0, end=5, quote=entry.text[:5], before="", after=entry.text[5:40])
    assert findings(published(entry, place), form=form) == []


@pytest.mark.parametrize("form", FORMS)
def test_all_hostile_articles_together_are_valid(form: str) -> None:
    matches = [
        published(
            entry_with(entry, key=str(index)), updated_at=NOON - timedelta(microseconds=index)
        )
        for index, entry in enumerate(HOSTILE.values())
    ]
    assert findings(*matches, form=form) == []


def entry_with(entry: Entry, **changed) -> Entry:
    fields = {
        name: getattr(entry, name)
        for name in (
            "source",
            "url",
            "title",
            "summary",
            "text",
            "authors",
            "tags",
            "lang",
            "published",
            "updated",
        )
    }
    return Entry(**{**fields, **changed})


@pytest.mark.parametrize("form", FORMS)
def test_a_feed_without_matches_is_valid(form: str) -> None:
    assert findings(form=form) == []


@pytest.mark.parametrize("form", FORMS)
def test_a_clock_that_ran_ahead_leaves_no_date_in_the_future(form: str) -> None:
    ahead = [
        published(
            an_entry(str(index), published=NOON + timedelta(hours=1)),
            matched_at=NOON + timedelta(hours=2),
            updated_at=NOON + timedelta(hours=2, microseconds=-index),
        )
        for index in range(3)
    ]
    assert (
        findings(*ahead, published(an_entry("x"), updated_at=NOON - timedelta(1)), form=form) == []
    )


@pytest.mark.parametrize("form", FORMS)
def test_titles_of_feeds_are_cleaned_too(form: str) -> None:
    feed = Feed(name="x", title="<i>\x00</i> &nbsp;", rules=(), description="a <b>b</b> &amp; c")
    assert findings(form=form, feed=feed) == []


TEXT = st.text(st.characters(codec=None, categories=None), max_size=60) | st.sampled_from(
    ["<b>", "</p>", "&amp;", "&#60;", "]]>", "<!--", "<a href='x'", "&lt;/b&gt;", "\ud800", "\x00"]
)
TEXTS = st.lists(TEXT, max_size=4).map("".join)


@settings(max_examples=80, deadline=None)
@given(
    title=TEXTS,
    text=TEXTS,
    summary=TEXTS,
    url=TEXTS.map("https://x.example/{}".format) | TEXTS,
    authors=st.lists(TEXTS, max_size=2),
    tags=st.lists(TEXTS, max_size=2),
    lang=st.text(max_size=6),
    at=st.datetimes(timezones=st.just(UTC)),
)
@example("", "", "", "", [""], [""], "e", datetime(1, 1, 1, tzinfo=UTC))
def test_whatever_an_article_holds_its_feeds_are_valid(
    title, text, summary, url, authors, tags, lang, at
) -> None:
    entry = an_entry(
        title=title,
        text=text,
        summary=summary,
        url=url,
        authors=tuple(authors),
        tags=tuple(tags),
        lang=lang,
        published=at,
    )
    place = a_place(start=0, end=3, quote=text[:3], before=title, after=summary)
    for form in FORMS:
        assert findings(published(entry, place), form=form) == [], form
