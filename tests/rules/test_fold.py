"""Spellings that readers take for the same fold to the same words, with true offsets."""

from __future__ import annotations

import html
import unicodedata
from collections.abc import Callable

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules import fold as folding
from rules.fold import fold, words_in


@pytest.mark.parametrize(
    "text",
    ["extorsión", "EXTORSIÓN", "extorsio\u0301n", "ex\u00adtor\u00adsión", "extorsi&oacute;n",
     "extorsi&amp;oacute;n", "ｅｘｔｏｒｓｉóｎ", "extor\u200dsion"],
)  # fmt: skip
def test_spellings_of_one_word_fold_alike_and_are_quoted_whole(text: str) -> None:
    folded = fold(f"l’{text}.")
    assert folded.words == ("l", "extorsion")
    assert f"l’{text}."[folded.start(1) : folded.end(1)] == text


def test_addresses_are_no_words() -> None:
    text = "vea https://example.pe/ley-32108 o escriba a ley@example.pe hoy"
    assert fold(text).words == ("vea", "o", "escriba", "a", "hoy")


def starts(folded: folding.Folded) -> list[int]:
    return [folded.start(at) for at in range(len(folded.words))]


def ends(folded: folding.Folded) -> list[int]:
    return [folded.end(at) for at in range(len(folded.words))]


@given(st.text())
def test_offsets_are_ordered_and_within_the_text(text: str) -> None:
    folded = fold(text, addresses=True)
    for start, end in zip(starts(folded), ends(folded), strict=True):
        assert 0 <= start < end <= len(text)
    assert ends(folded) == sorted(ends(folded))


_PIECES = [*"aÁñ9 ﬁ½º…–“€ßœ\u0301\u00ad\u200b&;/.@w\nİ😀я", "&oacute;", "&amp;aacute;", "&#x301;"]
_ANY = st.text(st.characters(max_codepoint=0x17F)) | st.lists(
    st.sampled_from(_PIECES), max_size=30
).map("".join)


def one_by_one(text: str, change: Callable[[str], str]) -> list[tuple[str, int, int]]:
    """Return each changed character and its place: the slow way, which says what is right."""
    found: list[tuple[str, int, int]] = []
    at = 0
    while at < len(text):
        entity = folding._ENTITY.match(text, at)
        chars = html.unescape(f"&{entity[1]};") if entity else text[at]
        if entity is None or chars.startswith("&"):
            end, chars = at + 1, text[at]
        else:
            end = entity.end()
        changed = "".join(map(change, chars))
        if not changed and unicodedata.category(chars[0]) == "Mn" and found:
            found[-1] = (*found[-1][:2], end)
        found += [(char, at, end) for char in changed]
        at = end
    return found


@given(_ANY)
def test_the_quick_way_folds_as_the_slow_one(text: str) -> None:
    folded = fold(text, addresses=True)
    slow = one_by_one(text, folding._folded)
    letters = "".join(char for char, _, _ in slow)
    spans = [match.span() for match in folding._TOKEN.finditer(letters)]
    assert list(folded.words) == [letters[start:end] for start, end in spans]
    assert starts(folded) == [slow[start][1] for start, _ in spans]
    assert ends(folded) == [slow[end - 1][2] for _, end in spans]


_WORDS = st.lists(st.sampled_from(["a", "aa", "ab", "1", "11", "a1", " ", "á.", "&#97;"])).map(
    "".join
)


@given(_WORDS, st.lists(st.sampled_from(["a", "aa", "ab", "1", "11"]), min_size=1, max_size=3))
def test_words_in_a_row_are_found_where_they_stand(text: str, wanted: list[str]) -> None:
    folded = fold(text)
    for whole in (True, False):
        found = []
        for first in range(len(folded.words) - len(wanted) + 1):
            *head, tail = folded.words[first : first + len(wanted)]
            last = first + len(wanted) - 1
            if head == wanted[:-1] and (
                tail == wanted[-1] or (not whole and tail.startswith(wanted[-1]))
            ):
                found.append((folded.start(first), folded.end(last)))
                start, end = folded.span(*found[-1])
                assert folded.count(0, start) == first
                assert folded.count(start, end) == len(wanted)
                follows = folded.words[last + 1 : last + 3]
                assert folded.count(end, folded.after(end, 3)) == len(follows)
        assert list(folded.places_of(wanted, whole=whole)) == found


@given(_ANY)
def test_words_in_letters_are_those_of_the_text(text: str) -> None:
    assert words_in(fold(text).letters) == set(fold(text).words)


@given(_ANY)
@example("véase https://x.org/á y www.y.org")
@example("a@b.org, extorsio\u0301n")
def test_plain_text_is_that_of_the_slow_way(text: str) -> None:
    quick = folding.plain(text)
    slow = one_by_one(folding._without_addresses(text), folding._bare)
    assert quick.text == "".join(char for char, _, _ in slow)
    for at, (_, start, end) in enumerate(slow):
        assert quick.span(at, at + 1) == (start, end)


@given(st.text(alphabet=st.sampled_from("a./@w:htps-x \n"), max_size=40))
def test_no_address_is_missed_by_the_quick_look(text: str) -> None:
    assert folding._without_addresses(text) == folding._ADDRESS.sub(
        lambda address: " " * len(address[0]), text
    )


@pytest.mark.parametrize(
    "text",
    ["a." * 400_000 + "@/", "a-" * 400_000 + "@/", "a" * 800_000 + " @/", "a.b/ x@y.z " * 70_000],
    ids=["dots", "hyphens", "letters", "addresses"],
)
def test_a_hostile_text_is_folded_in_a_time_that_grows_with_its_length(text: str) -> None:
    fold(text)  # quadratic, it would take hours
    folding.plain(text)
