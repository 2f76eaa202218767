"""Gives a rule that was renamed what was found under its old name, with the ids that it had there.

The ids of matches, and with them those of feed entries and deliveries, are
derived from a rule's *origin*: its first name. It goes along with the matches,
so that what is matched again later finds what is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import count

import msgspec
from sqlmodel import Session, col, select, update

from store.nouns import Judged, StoryTerms
from store.rows import CopyRow, MatchRow, RuleRow, SilenceRow


def take_over(
    session: Session,
    rows: dict[str, RuleRow],
    formerly: Mapping[str, Sequence[str]],
    desk: Collection[str],
) -> None:
    """Give rules all that is kept under names that they had *formerly*; *rows* are all, by id.

    A name that the *desk* uses still keeps its own, unless another rule was renamed to
    it in the same edit; and a rule that has matches already takes no others.
    """
    passed_on = _passed_on(rows, formerly, desk)
    asked = {old.id for new, names in formerly.items() for old in _before(rows, new, names)}
    # Whose own name another rule asks for waits until that is done.
    for identity in sorted(formerly, key=asked.__contains__):
        takers = [identity]
        while takers:
            taker = takers.pop()
            for old in _before(rows, taker, formerly[taker]):
                is_free = old.id not in desk or old.id in passed_on
                if not is_free or _matched(session, taker):
                    continue
                if taker not in rows:
                    rows[taker] = RuleRow(id=taker, version="", title="")
                    session.add(rows[taker])
                    session.flush()
                _move(session, old, rows[taker])
                passed_on -= {old.id, taker}
                if old.id in desk:
                    takers.append(old.id)


def _before(rows: Mapping[str, RuleRow], rule: str, names: Sequence[str]) -> Iterator[RuleRow]:
    """Yield what those *names* are called now, but for what *rule* has already."""
    for name in names:
        old = rows.get(_present(rows, name))
        if old is not None and old.id != rule:
            yield old


def _passed_on(
    rows: Mapping[str, RuleRow], formerly: Mapping[str, Sequence[str]], desk: Collection[str]
) -> set[str]:
    """Return the names of the *desk* to which another rule was renamed just now.

    That one's own name is in use no more, or was passed on in its turn. Names that go
    round in a circle are none: at the next start, nobody could tell whether they had.
    """
    found: set[str] = set()
    before = -1
    while len(found) > before:
        before = len(found)
        for identity, names in formerly.items():
            if any(
                old.id in found if old.id in desk else not old.retired
                for old in _before(rows, identity, names)
            ):
                found.add(identity)
    return found


def _present(rows: Mapping[str, RuleRow], name: str) -> str:
    """Return what the rule *name* is called now."""
    while name in rows and rows[name].became:
        name = rows[name].became
    return name


def _matched(session: Session, rule: str) -> bool:
    return (
        session.exec(select(MatchRow.id).where(MatchRow.rule == rule).limit(1)).first() is not None
    )


def _move(session: Session, old: RuleRow, new: RuleRow) -> None:
    for table in (MatchRow, CopyRow, SilenceRow):
        session.exec(update(table).where(col(table.rule) == old.id).values(rule=new.id))
    origin = old.origin or old.id
    new.sqlmodel_update(
        {
            "origin": "" if origin == new.id else origin,
            "became": "",
            "judged": "" if old.retired else old.judged,
            "retired": False,
            "private": old.private,
            "matches": old.matches,
            "matched_at": old.matched_at,
            # Whoever was shown the one feed need not be shown the other.
            "changes": max(old.changes, new.changes),
        }
    )
    gone = {"origin": "", "became": new.id, "matches": 0, "matched_at": None}
    old.sqlmodel_update({**gone, "changes": old.changes + 1})


def in_use_again(rows: Mapping[str, RuleRow], row: RuleRow) -> None:
    """Make *row*, whose matches went to another name, a new rule whose ids are all its own."""
    taken = {other.origin or other.id for other in rows.values() if not other.became}
    names = (f"{row.id} {number}" for number in count(2))
    row.origin = next(name for name in names if name not in taken) if row.id in taken else ""
    row.became = ""


def origins(session: Session) -> dict[str, str]:
    """Return the origins of the rules whose name is another now."""
    rows = session.exec(select(RuleRow.id, RuleRow.origin).where(RuleRow.origin != ""))
    return dict(rows.all())


def followed(
    rules: Mapping[str, str], judged: Sequence[Judged], terms: StoryTerms
) -> tuple[Sequence[Judged], StoryTerms]:
    """Return what was said by rules that were renamed meanwhile, *rules*, under their new names."""

    def present(rule: str) -> str:
        return rules.get(rule, rule)

    renamed = [
        replace(
            one,
            matches=tuple(
                {
                    present(match.rule): msgspec.structs.replace(match, rule=present(match.rule))
                    for match in one.matches
                }.values()
            ),
            lost=tuple(map(present, one.lost)),
        )
        for one in judged
    ]
    copies = {present(rule): asked for rule, asked in terms.copies.items()}
    return renamed, replace(terms, copies=copies)
