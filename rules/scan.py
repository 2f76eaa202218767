"""Finds many texts in folded letters in one go: ahocorasick-rs' only room."""

from __future__ import annotations

from collections.abc import Sequence

from ahocorasick_rs import AhoCorasick, Implementation


class Scan:
    """An automaton of texts, in its quick form: a DFA."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._automaton = AhoCorasick(
            texts, implementation=Implementation.DFA, store_patterns=False
        )

    def hits(self, letters: str) -> Sequence[tuple[int, int, int]]:
        """Return the number of each text that stands in *letters*, and where it begins and ends."""
        return self._automaton.find_matches_as_indexes(letters, overlapping=True)
