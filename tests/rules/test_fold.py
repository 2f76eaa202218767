"""Spellings that readers take for the same fold to the same words, with true offsets."""

from __future__ import annotations

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rules import fold as folding
from rules.fold import fold


@pytest.mark.parametrize(
    "text",
    ["extorsión", "EXTORSIÓN", "extorsio\u0301n", "ex\u00adtor\u00adsión", "extorsi&oacute;n",
     "extorsi&amp;oacute;n", "ｅｘｔｏｒｓｉóｎ", "extor\u200dsion"],
)  # fmt: skip
def test_spellings_of_one_word_fold_alike_and_are_quoted_whole(text: str) -> None:
    folded = fold(f"l’{text}.")
    assert folded.words == ("l", "extorsion")
    assert f"l’{text}."[folded.starts[1] : folded.ends[1]] == text


def test_addresses_are_no_words() -> None:
    text = "vea https://example.pe/ley-32108 o escriba a ley@example.pe hoy"
    assert fold(text).words == ("vea", "o", "escriba", "a", "hoy")


@given(st.text())
def test_offsets_are_ordered_and_within_the_text(text: str) -> None:
    folded = fold(text, addresses=True)
    ends = [0, *folded.ends]
    for start, end in zip(folded.starts, folded.ends, strict=True):
        assert 0 <= start < end <= len(text)
    assert list(folded.ends) == sorted(folded.ends)
    assert len(ends) == len(folded.words) + 1


_ANY = st.text(st.characters(max_codepoint=0x17F)) | st.text(
    alphabet=st.sampled_from("aÁñ9 ﬁ½º…–“€ßœ\u0301\u00ad\u200b&;/.@w\nİ😀я"), max_size=30
)


@given(_ANY)
def test_the_quick_way_and_the_exact_way_fold_alike(text: str) -> None:
    quick, exact = fold(text, addresses=True), folding._exact(text)
    assert quick.words == exact.words
    assert list(quick.starts) == list(exact.starts)
    assert list(quick.ends) == list(exact.ends)


@given(_ANY)
def test_the_vocabulary_is_the_set_of_the_words(text: str) -> None:
    assert fold(text).vocabulary == set(fold(text).words)


@given(_ANY)
@example("véase https://x.org/á y www.y.org")
@example("a@b.org, extorsio\u0301n")
def test_both_ways_of_plain_text_agree(text: str) -> None:
    quick, exact = folding.plain(text), folding._plain_exactly(folding._without_addresses(text))
    assert quick.text == exact.text
    for start in range(len(quick.text)):
        assert quick.span(start, start + 1) == exact.span(start, start + 1)


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
