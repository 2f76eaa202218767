"""Cuts texts into what convinced a rule and what stands around it, for people to see why."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import msgspec

from feeds.clean import plain
from rules import Because, Entry
from store import Published, Revision

_NEAR = 60
_WIDE = 300
"""Characters: places nearer to one another than the first share an excerpt, up to the second."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Segment:
    """A piece of a text; *terms* are the query terms that it satisfied, none for the rest."""

    text: str
    terms: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Excerpt:
    """A part of a field's text with what matched in it."""

    field: str
    segments: tuple[Segment, ...]


def texts_of(entry: Entry | Revision) -> Mapping[str, str]:
    """Return the texts of *entry*, or of one of its states, that people read, by field."""
    return {"title": entry.title, "summary": entry.summary, "text": entry.text}


def segments(text: str, places: Iterable[Because]) -> tuple[Segment, ...]:
    """Return *text* cut at *places*, in order and without loss; overlapping places are one."""
    found: list[Segment] = []
    done = 0
    for start, end, terms in _merged(places, len(text)):
        if start > done:
            found.append(Segment(text=plain(text[done:start])))
        found.append(Segment(text=plain(text[start:end]), terms=terms))
        done = end
    if done < len(text):
        found.append(Segment(text=plain(text[done:])))
    return tuple(found)


def _merged(places: Iterable[Because], length: int) -> list[tuple[int, int, tuple[str, ...]]]:
    merged: list[tuple[int, int, tuple[str, ...]]] = []
    for place in sorted(places, key=lambda place: (place.start, place.end)):
        start, end = min(place.start, length), min(place.end, length)
        if start >= end:
            continue
        if merged and start < merged[-1][1]:
            first, last, terms = merged[-1]
            merged[-1] = (first, max(last, end), tuple(dict.fromkeys((*terms, place.term))))
        else:
            merged.append((start, end, (place.term,)))
    return merged


def excerpts_of(match: Published, most: int) -> tuple[Excerpt, ...]:
    """Return up to *most* excerpts that show why a stored match was one."""
    return excerpts(match.entry, match.because, most, lost=match.lost)


def excerpts(
    entry: Entry, places: Sequence[Because], most: int, *, lost: bool = False
) -> tuple[Excerpt, ...]:
    """Return up to *most* excerpts that show why, in the order of the article.

    Those that bring a term that none before them has are taken first. Where
    the match is *lost*, the places are of an earlier text of the entry.
    """
    groups = list(_groups(entry, places, lost=lost))
    seen: set[str] = set()
    first: list[int] = []
    rest: list[int] = []
    for index, group in enumerate(groups):
        terms = {place.term for place in group}
        (rest if terms <= seen else first).append(index)
        seen |= terms
    chosen = sorted((first + rest)[:most])
    return tuple(_excerpt(entry, groups[index]) for index in chosen)


def _groups(entry: Entry, places: Sequence[Because], *, lost: bool) -> Iterator[list[Because]]:
    group: list[Because] = []
    for place in places:
        if group and (lost or not _together(group, place, entry)):
            yield group
            group = []
        group.append(place)
    if group:
        yield group


def _together(group: list[Because], place: Because, entry: Entry) -> bool:
    return (
        place.field == group[0].field
        and place.field in texts_of(entry)
        and place.start - max(other.end for other in group) < _NEAR
        and place.end - group[0].start < _WIDE
    )


def _excerpt(entry: Entry, group: list[Because]) -> Excerpt:
    first, last = group[0], max(group, key=lambda place: place.end)
    inner: tuple[Segment, ...] = (Segment(text=plain(first.quote), terms=(first.term,)),)
    if len(group) > 1:
        text = texts_of(entry)[first.field][first.start : last.end]
        inner = segments(
            text,
            [
                msgspec.structs.replace(
                    place, start=place.start - first.start, end=place.end - first.start
                )
                for place in group
            ],
        )
    around = (Segment(text=plain(first.before)), *inner, Segment(text=plain(last.after)))
    return Excerpt(field=first.field, segments=tuple(piece for piece in around if piece.text))
