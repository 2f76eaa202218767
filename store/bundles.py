"""What waits for a summary: deliveries are put into bundles, and bundles closed into digests.

All of it happens inside the claim, in its transaction: there is no moment in
which a digest is stored and its members are not marked, or the other way round.
"""

from __future__ import annotations

import json
import secrets
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import Any, cast

from sqlalchemy import func
from sqlmodel import Session, col, select, update

from store import stories, values
from store.holding import AT_ONCE, AT_WILL, Holding, Why, closed, next_digest, quiet_until, wait
from store.nouns import Bundle, Silence, delivery_id, told_outlets
from store.rows import CopyRow, DeliveryRow, EndpointRow, MatchRow, SilenceRow

Render = Callable[[Bundle], Mapping[str, Any]]
"""Gives the JSON object that tells of a bundle."""

MOST_MEMBERS = 200
"""One digest tells of so many; what is more waits for the next."""

_MOST_DIGESTS = 20
_SILENCE = "silence:"


def sort(
    session: Session, owner: EndpointRow, holding: Holding, render: Render, now: datetime
) -> None:
    """Let each new delivery leave alone or wait, as *holding* and silences ask, and close bundles."""
    silences = _in_force(session, owner.name, now)
    waiting = _waiting(session, owner.name, now)
    if holding == AT_WILL and not silences and not waiting:
        return
    sorter = _Sorter(session, owner.name, holding, render, now)
    sorter.close(waiting)
    sorter.close_empty(owner)
    sorter.place(silences)
    sorter.rest()
    session.flush()


class _Sorter:
    """Sorts what one endpoint is owed at one instant."""

    def __init__(
        self, session: Session, endpoint: str, holding: Holding, render: Render, now: datetime
    ) -> None:
        self._session = session
        self._endpoint = endpoint
        self._holding = holding
        self._render = render
        self._now = now
        self._recent = self._left()
        self._told_digest = False

    def _left(self) -> list[datetime]:
        """Return when the latest deliveries left alone, in order, as far as a limit counts them."""
        limit = self._holding.at_most
        if limit is None:
            return []
        latest = self._session.exec(
            select(DeliveryRow.placed_at)
            .where(
                DeliveryRow.endpoint == self._endpoint,
                col(DeliveryRow.placed_at) > self._now - limit.per,
            )
            .order_by(col(DeliveryRow.placed_at).desc())
            .limit(limit.count)
        ).all()
        return [instant for instant in reversed(latest) if instant is not None]

    def close(self, reasons: Sequence[str]) -> None:
        """Make digests of the bundles that close now; put off those that may not leave now."""
        for why in reasons:
            for _ in range(_MOST_DIGESTS):
                if later := closed(self._holding, self._now, recent=self._recent):
                    self._session.exec(self._of(why).values(due=later.until))
                    break
                if not self._closed(why):
                    break

    def _of(self, why: str) -> Any:
        return update(DeliveryRow).where(
            col(DeliveryRow.endpoint) == self._endpoint,
            col(DeliveryRow.state) == "waiting",
            col(DeliveryRow.why) == why,
            col(DeliveryRow.due) <= self._now,
        )

    def _closed(self, why: str) -> bool:
        """Make one digest of a bundle; False where nothing of it is left."""
        rows = self._session.exec(
            select(DeliveryRow)
            .where(
                DeliveryRow.endpoint == self._endpoint,
                DeliveryRow.state == "waiting",
                DeliveryRow.why == why,
                DeliveryRow.due <= self._now,
            )
            .order_by(col(DeliveryRow.created_at), DeliveryRow.id)
            .limit(MOST_MEMBERS)
        ).all()
        if not rows:
            return False
        silence: Silence | None = None
        if why.startswith(_SILENCE):
            silenced = self._session.get(SilenceRow, why.removeprefix(_SILENCE))
            silence = _silence(silenced) if silenced else None
        identity = self._digest(
            Bundle(
                endpoint=self._endpoint,
                why=cast("Why", why.partition(":")[0]),
                since=rows[0].created_at,
                at=self._now,
                members=self._members(rows),
                silence=silence,
            ),
            "\n".join(row.id for row in rows),
        )
        for row in rows:
            row.state, row.bundle = "bundled", identity
        self._session.flush()
        self._told_digest |= why == "digest"
        return True

    def _members(self, rows: Sequence[DeliveryRow]) -> tuple[tuple[str, Mapping[str, Any]], ...]:
        """Return what waited, with the outlets that joined each story meanwhile."""
        found = []
        matches = {row.match for row in rows if row.match}
        copies = stories.stories_of(self._session, matches)
        elsewhere = stories.elsewhere(self._session, matches, copies)
        for row in rows:
            event = json.loads(row.body)
            if row.match:
                event["data"]["outlets"] = told_outlets(elsewhere[row.match])
            found.append((row.id, event))
        return tuple(found)

    def close_empty(self, owner: EndpointRow) -> None:
        """Make the digest that says that nothing is new, where one is due and nothing else says it."""
        digest, at = self._holding.digest, owner.digest_at
        if digest is None or not digest.empty or at is None or at > self._now:
            return
        if not self._told_digest and not closed(self._holding, self._now, recent=self._recent):
            bundle = Bundle(endpoint=self._endpoint, why="digest", since=at, at=self._now)
            self._digest(bundle, at.isoformat())
        owner.digest_at = next_digest(digest, self._now)

    def _digest(self, bundle: Bundle, subject: str) -> str:
        """Store the digest of *bundle*, due now, and return its id.

        One that told of the very same before is due again, with the bytes that it had.
        """
        identity = delivery_id("digest", subject, self._endpoint)
        row = self._session.get(DeliveryRow, identity)
        if row is None:
            row = DeliveryRow(
                id=identity,
                endpoint=self._endpoint,
                event="digest",
                match="",
                body=values.frozen(values.storable_tree(self._render(bundle))),
                state="due",
                created_at=self._now,
                due=self._now,
            )
            self._session.add(row)
        row.state, row.due, row.attempts, row.placed_at = "due", self._now, 0, self._now
        self._recent.append(self._now)
        return identity

    def place(self, silences: Sequence[SilenceRow]) -> None:
        """Decide of each delivery that is new whether it leaves alone now."""
        alone: list[str] = []
        waiting: dict[tuple[str, datetime], list[str]] = defaultdict(list)
        for identity, rule in self._new():
            silence = max(
                (one for one in silences if one.rule in ("", rule)),
                key=lambda one: one.until,
                default=None,
            )
            until = silence.until if silence else None
            held = wait(self._holding, self._now, recent=self._recent, silenced=until)
            if held is None:
                alone.append(identity)
                self._recent.append(self._now)
            elif silence is not None:
                waiting[_SILENCE + silence.id, held.until].append(identity)
                silence.count += 1
            else:
                waiting[held.why, held.until].append(identity)
        self._set(alone, placed_at=self._now)
        for (why, due), ids in waiting.items():
            self._set(ids, state="waiting", why=why, due=due)

    def _new(self) -> Sequence[tuple[str, str]]:
        """Return what nobody decided about so far, oldest first: its id, and the rule of its match."""
        rows = self._session.exec(
            select(DeliveryRow.id, func.coalesce(MatchRow.rule, CopyRow.rule))
            .join(MatchRow, col(MatchRow.id) == DeliveryRow.match, isouter=True)
            .join(CopyRow, col(CopyRow.id) == DeliveryRow.match, isouter=True)
            .where(
                *self._ready(),
                DeliveryRow.attempts == 0,
                col(DeliveryRow.placed_at).is_(None),
            )
            .order_by(col(DeliveryRow.created_at), DeliveryRow.id)
        )
        return [(identity, rule or "") for identity, rule in rows]

    def _ready(self) -> tuple[Any, ...]:
        return (
            DeliveryRow.endpoint == self._endpoint,
            DeliveryRow.state == "due",
            DeliveryRow.due <= self._now,
            DeliveryRow.token == "",
            col(DeliveryRow.event).not_in(AT_ONCE),
        )

    def _set(self, ids: Sequence[str], **columns: Any) -> None:
        for some in values.batches(ids):
            chosen = update(DeliveryRow).where(col(DeliveryRow.id).in_(some))
            self._session.exec(chosen.values(**columns))

    def rest(self) -> None:
        """Put off further tries of what left before, while the hours are quiet."""
        quiet = self._holding.quiet
        until = quiet_until(quiet, self._now) if quiet else None
        if until is not None:
            tried = update(DeliveryRow).where(*self._ready(), col(DeliveryRow.attempts) > 0)
            self._session.exec(tried.values(due=until))


def _waiting(session: Session, endpoint: str, now: datetime) -> tuple[str, ...]:
    """Return why those bundles wait that close by *now*."""
    rows = session.exec(
        select(DeliveryRow.why)
        .where(
            DeliveryRow.endpoint == endpoint, DeliveryRow.state == "waiting", DeliveryRow.due <= now
        )
        .distinct()
        .order_by(DeliveryRow.why)
    )
    return tuple(rows)


def expect(session: Session, digests: Mapping[str, datetime]) -> None:
    """Note when the next digest of those endpoints is due that want one even without news.

    One that was missed while nobody was here is made up for.
    """
    for row in session.exec(select(EndpointRow)):
        due = digests.get(row.name)
        if due is None or row.digest_at is None or row.digest_at > due:
            row.digest_at = due


def _in_force(session: Session, endpoint: str, now: datetime) -> Sequence[SilenceRow]:
    return session.exec(
        select(SilenceRow).where(
            SilenceRow.endpoint == endpoint,
            SilenceRow.until > now,
            col(SilenceRow.ended_at).is_(None),
        )
    ).all()


def silence(
    session: Session, endpoint: str, rule: str, reason: str, now: datetime, until: datetime
) -> Silence | None:
    """Silence an endpoint that the desk has until then; None where there is no such one."""
    owner = session.get(EndpointRow, endpoint)
    if owner is None or not owner.listed:
        return None
    row = SilenceRow(
        id=secrets.token_hex(4),
        endpoint=endpoint,
        rule=rule,
        reason=values.storable(reason),
        since=now,
        until=until,
    )
    session.add(row)
    return _silence(row)


def silences(session: Session) -> tuple[Silence, ...]:
    """Return every silence, the latest first."""
    rows = session.exec(select(SilenceRow).order_by(col(SilenceRow.since).desc(), SilenceRow.id))
    return tuple(map(_silence, rows))


def end_silence(session: Session, identity: str, now: datetime) -> Silence | None:
    """End a silence; what it held back is due for its summary now. None for no such one."""
    row = session.get(SilenceRow, identity)
    if row is None:
        return None
    if row.ended_at is None and now < row.until:
        row.ended_at = now
        held = update(DeliveryRow).where(
            col(DeliveryRow.endpoint) == row.endpoint,
            col(DeliveryRow.state) == "waiting",
            col(DeliveryRow.why) == _SILENCE + identity,
        )
        session.exec(held.values(due=now))
    return _silence(row)


def _silence(row: SilenceRow) -> Silence:
    return Silence(
        id=row.id,
        endpoint=row.endpoint,
        rule=row.rule,
        reason=row.reason,
        since=row.since,
        until=row.until,
        ended_at=row.ended_at,
        count=row.count,
    )
