"""Gives a rule that was renamed what was found under its old name, with the ids that it had there.

The ids of matches, and with them those of feed entries and deliveries, are
derived from a rule's *origin*: its first name. It goes along with the matches,
so that what is matched again later finds what is stored.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
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

    A name that the *desk* uses still keeps its own, and a rule that has matches
    already takes no others.
    """
    for identity, names in formerly.items():
        for name in names:
            old = None if name in desk else rows.get(_present(rows, name))
            if old is None or old.id == identity or old.id in desk or _matched(session, identity):
                continue
            if identity not in rows:
                rows[identity] = RuleRow(id=identity, version="", title="")
                session.add(rows[identity])
                session.flush()
            _move(session, old, rows[identity])


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
    old.sqlmodel_update({"origin": "", "became": new.id, "matches": 0, "matched_at": None})


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
