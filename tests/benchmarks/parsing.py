"""How long a feed takes to read: feedparser as it comes, its reading as we ask for it, and ours.

The feeds are those of the newsstand, and the same with the markup that content systems write.
"""

from __future__ import annotations

import io
import time
from collections.abc import Callable, Mapping, Sequence

import feedparser

from tests.benchmarks.newsstand import Newsstand
from watcher.parse import Document, parse_document
from watcher.parse.feed import judged_feed
from watcher.parse.quick import quick_feed
from watcher.parse.written import parsed

FEEDS = 60
TURNS = 5
_MARKUP = (
    (b"<p>", b'<p class="wp-block-paragraph" style="text-align:left">'),
    (b"<li>", b'<li class="item"><span class="dot"></span>'),
    (b"</p>", (b'</p><figure class="wp-block-image"><a href="/pictures/1.html" rel="nofollow">'
     b'<img decoding="async" src="/wp-content/uploads/1.jpg" srcset="/1-300.jpg 300w, /1-768.jpg 768w"'
     b' sizes="(max-width: 768px) 100vw" width="768" height="512" alt=""/></a></figure>')),
)  # fmt: skip


def measured() -> Mapping[str, object]:
    """Return milliseconds for each feed, the fewest of five turns, and how many times as fast as feedparser we are."""
    stand = Newsstand(FEEDS)
    plain = [_document(*stand.feed(number)) for number in range(FEEDS)]
    rich = [_enriched(document) for document in plain]
    return {"plain": _of(plain), "with_markup": _of(rich)}


def _of(documents: Sequence[Document]) -> Mapping[str, object]:
    for document in documents:
        quick = quick_feed(document)
        assert quick is not None
        assert parsed(quick, document) == parsed(judged_feed(document), document)
    ways: dict[str, Callable[[Document], object]] = {
        "feedparser": _by_default,
        "judge": judged_feed,
        "read": quick_feed,
        "whole": lambda document: parse_document("feed", document),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(TURNS):
        for name, way in ways.items():
            begun = time.process_time()
            for document in documents:
                way(document)
            times[name].append((time.process_time() - begun) / len(documents) * 1000)
    ms = {name: min(taken) for name, taken in times.items()}
    return {
        **{f"{name}_ms": round(taken, 2) for name, taken in ms.items()},
        "read_times_as_fast": round(ms["feedparser"] / ms["read"], 1),
        "whole_times_as_fast": round(ms["feedparser"] / ms["whole"], 1),
        "at_least": 15.0,
    }


def _by_default(document: Document) -> object:
    headers = {"content-type": document.content_type}
    return feedparser.parse(io.BytesIO(document.body), response_headers=headers)


def _document(media_type: str, body: bytes) -> Document:
    return Document(address="https://news.example/feed", body=body, content_type=media_type)


def _enriched(document: Document) -> Document:
    body = document.body
    escaped = b"&lt;p&gt;" in body
    for usual, rich in _MARKUP:
        body = (
            body.replace(_escaped(usual), _escaped(rich)) if escaped else body.replace(usual, rich)
        )
    return _document(document.content_type, body)


def _escaped(markup: bytes) -> bytes:
    return markup.replace(b"<", b"&lt;").replace(b">", b"&gt;")
