"""Feeds whose bytes were spoilt on their way are read as they were meant."""

from __future__ import annotations

import pytest

from watcher.parse import Document, parse_document

HEAD = '<?xml version="1.0" encoding="utf-8"?>'
SAID = "La extorsión, Ley N.º 32108"
FEED = (
    f'{HEAD}<rss version="2.0"><channel><title>Perú</title><item><guid>1</guid>'
    f"<title>{SAID}</title></item></channel></rss>"
)


def titles(body: bytes) -> list[str]:
    document = Document(address="https://a.pe/rss", body=body, content_type="application/rss+xml")
    return [entry.title for entry in parse_document("feed", document).entries]


@pytest.mark.parametrize(
    "body",
    [
        b"\n \n" + FEED.encode(),
        b"\xef\xbb\xbf\xef\xbb\xbf" + FEED.encode(),
        b"<br />\n<b>Warning</b>: x in <b>/index.php</b>\n" + FEED.encode(),
        b"<!-- cached -->\n" + FEED.replace("utf-8", "iso-8859-1").encode("iso-8859-1"),
        b'<?xml version="1.0"?>' + FEED.replace("utf-8", "iso-8859-1").encode("iso-8859-1"),
        FEED.replace("utf-8", "utf-16").encode(),
        FEED.replace("utf-8", "UTF-16LE").encode(),
        FEED.encode("utf-16"),
        FEED.replace("utf-8", "iso-8859-1").encode("iso-8859-1"),
    ],
)
def test_a_feed_that_was_preceded_or_wrongly_declared_is_read(body: bytes) -> None:
    assert titles(body) == [SAID]


@pytest.mark.parametrize("wrong", [b"caf\xe9", b"\x81", b"\x93x\x94"])
def test_a_byte_that_is_no_utf8_costs_itself_alone(wrong: bytes) -> None:
    item = b"<item><guid>2</guid><title>" + wrong + b"</title></item></channel>"
    first, second = titles(FEED.encode().replace(b"</channel>", item))
    assert first == SAID
    assert second == wrong.decode("windows-1252", "replace")


def test_a_text_of_windows_that_is_declared_as_nothing_stays_one() -> None:
    bare = FEED.removeprefix(HEAD).encode("windows-1252")
    assert titles(bare) == [SAID]


@pytest.mark.parametrize(
    ("written", "shown"),
    [
        ("&#xD83D;&#xDE00;", "\U0001f600"),
        ("&#55357;&#56832;", "\U0001f600"),
        ("&#xD83D;", "\ufffd"),
        ("&#xDE00;&#xD83D;", "\ufffd\ufffd"),
        ("&#xD83D", "\ufffd"),
        ("&#x110000;", "\ufffd"),
        ("&#99999999999999999999;", "\ufffd"),
        ("&#x1F600;", "\U0001f600"),
        ("&#243;", "ó"),
    ],
)
def test_a_reference_to_no_character_is_no_stumbling_block(written: str, shown: str) -> None:
    assert titles(FEED.replace("La", f"La {written}").encode()) == [
        SAID.replace("La", f"La {shown}")
    ]


@pytest.mark.parametrize("ampersand", ["&amp;", "&"])
@pytest.mark.parametrize(
    "feed",
    [
        (
            '<r:rss xmlns:r="https://a.pe/own"><r:channel><r:item><r:title>A {} B</r:title></r:item>'
            "</r:channel></r:rss>"
        ),
        '<f:feed xmlns:f="https://a.pe/own"><f:entry><f:title>A {} B</f:title></f:entry></f:feed>',
        (
            '<rss xmlns="http://www.w3.org/1999/xhtml"><channel><item><title>A {} B</title></item>'
            "</channel></rss>"
        ),
    ],
)
def test_a_feed_in_a_namespace_of_its_own_is_read(feed: str, ampersand: str) -> None:
    (title,) = titles(feed.format(ampersand).encode())
    assert title.replace("& ", "") == "A B"
