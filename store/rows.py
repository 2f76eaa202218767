"""The tables. Rows never leave this package: what crosses its border are the nouns."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any

from sqlalchemy import JSON, BigInteger, Column, Index, LargeBinary, Text, UniqueConstraint, text
from sqlalchemy.types import TypeDecorator
from sqlmodel import Field, SQLModel

from store.nouns import JSON_TYPE

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)

# Constraints without a name could not be altered by a later migration.
SQLModel.metadata.naming_convention = {
    "ix": "ix_%(table_name)s_%(column_0_N_name)s",
    "uq": "uq_%(table_name)s_%(column_0_N_name)s",
    "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
    "pk": "pk_%(table_name)s",
}


class Instant(TypeDecorator[datetime]):
    """An aware UTC datetime, kept as whole microseconds since 1970: exact, and it sorts."""

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, _dialect: Any) -> int | None:
        """Return *value* as the column holds it."""
        return None if value is None else (value - _EPOCH) // _MICROSECOND

    def process_result_value(self, value: int | None, _dialect: Any) -> datetime | None:
        """Return the instant that the column holds."""
        return None if value is None else _EPOCH + value * _MICROSECOND


def _instant(*, null: bool = False, index: bool = False, unique: bool = False) -> Any:
    column: Column[Any] = Column(Instant, nullable=null, index=index, unique=unique)
    return Field(sa_column=column) if not null else Field(default=None, sa_column=column)


class SourceRow(SQLModel, table=True):
    """A source. *listed* tells whether the desk still has it."""

    __tablename__ = "source"

    name: str = Field(primary_key=True)
    kind: str
    address: str
    lang: str = ""
    every_seconds: int | None = None
    full_text: bool = False
    links: str = Field(default="", sa_type=Text)
    allow_private: bool = False
    alert_since: str = "added"
    enabled: bool = True
    listed: bool = True
    added_at: datetime = _instant()
    next_poll_at: datetime = _instant(index=True)
    polled_at: datetime | None = _instant(null=True)
    succeeded_at: datetime | None = _instant(null=True)
    failures: int = 0
    error: str = ""
    gone: bool = False
    etag: str = ""
    last_modified: str = ""
    body_sha256: str = ""
    entries: int = 0
    lease_until: datetime | None = _instant(null=True)
    token: str = ""
    moved_to: str = Field(default="", sa_type=Text)
    moved_since: datetime | None = _instant(null=True)
    moved_polls: int = 0
    asked_whole_at: datetime | None = _instant(null=True)
    distrusted: bool = False
    wishes: dict[str, Any] = Field(default_factory=dict, sa_type=JSON)
    empty_polls: int = 0
    overrun_at: datetime | None = _instant(null=True)
    newest_at: datetime | None = _instant(null=True)
    rhythm_seconds: int | None = None
    gap_seconds: int | None = None
    took_us: int | None = Field(default=None, sa_type=BigInteger)


class SubscriptionRow(SQLModel, table=True):
    """What was asked of the hub that a source names; *due* is when it is to be asked (again)."""

    __tablename__ = "subscription"

    source: str = Field(primary_key=True, foreign_key="source.name")
    hub: str = Field(sa_type=Text)
    topic: str = Field(sa_type=Text)
    callback: str = Field(unique=True, index=True)
    secret: str
    due: datetime = _instant(index=True)
    lease_until: datetime | None = _instant(null=True)
    pushed_at: datetime | None = _instant(null=True)
    failures: int = 0
    error: str = Field(default="", sa_type=Text)


class HubRequestRow(SQLModel, table=True):
    """What was asked of our hub and waits for the callback's confirmation."""

    __tablename__ = "hub_request"

    id: str = Field(primary_key=True)
    mode: str
    topic: str = Field(sa_type=Text)
    callback: str = Field(sa_type=Text)
    secret: str
    lease_seconds: int
    challenge: str
    due: datetime = _instant(index=True)
    tries: int = 0


class HubSubscriberRow(SQLModel, table=True):
    """Who hears of a feed's changes from us; *shown* is the version that was owed last."""

    __tablename__ = "hub_subscriber"

    id: str = Field(primary_key=True)
    topic: str = Field(sa_type=Text)
    callback: str = Field(sa_type=Text)
    secret: str
    lease_until: datetime | None = _instant(null=True)
    is_hub: bool = False
    shown: int = 0


class CoverageRow(SQLModel, table=True):
    """What came of the polls of a source on one day, in UTC."""

    __tablename__ = "coverage"

    source: str = Field(primary_key=True, foreign_key="source.name")
    day: date = Field(primary_key=True)
    read: int = 0
    failed: int = 0
    new: int = 0
    overrun: int = 0


class EntryRow(SQLModel, table=True):
    """An entry; its texts stand in its latest revision.

    *shown* is the digest of what its feed says, where the linked article was read
    or is *missing* still.
    """

    __tablename__ = "entry"
    __table_args__ = (UniqueConstraint("source", "key"),)

    id: str = Field(primary_key=True)
    source: str = Field(foreign_key="source.name")
    key: str = Field(sa_type=Text)
    url: str = Field(sa_type=Text)
    link: str = Field(default="", sa_type=Text, index=True)
    authors: list[str] = Field(sa_type=JSON)
    tags: list[str] = Field(sa_type=JSON)
    lang: str
    published: datetime | None = _instant(null=True)
    updated: datetime | None = _instant(null=True)
    seen_at: datetime = _instant(index=True)
    sha256: str = Field(index=True)
    revision: int = 1
    shown: str = ""
    missing: bool = False
    outlet: str = Field(default="", sa_type=Text)


class RevisionRow(SQLModel, table=True):
    """One state of an entry's text, numbered from 1; *other* is the text that was not taken."""

    __tablename__ = "revision"

    entry: str = Field(primary_key=True, foreign_key="entry.id")
    number: int = Field(primary_key=True)
    title: str = Field(sa_type=Text)
    summary: str = Field(sa_type=Text)
    text: str = Field(sa_type=Text)
    other: str = Field(default="", sa_type=Text)
    at: datetime = _instant()


class RuleRow(SQLModel, table=True):
    """A rule that the desk has or had: *matches* is the number of its last match.

    *changes* counts every change of what its feed shows. *judged* is the version
    that was asked about the stored entries too. *private* ones are shown to
    those who have a token alone, also when they are retired. *origin* is what the
    ids of its matches are derived from, where that is not its own; *became* is the
    name to which they went.
    """

    __tablename__ = "rule"

    id: str = Field(primary_key=True)
    title: str
    version: str
    judged: str = ""
    retired: bool = False
    private: bool = False
    matches: int = 0
    changes: int = 0
    matched_at: datetime | None = _instant(null=True)
    origin: str = ""
    became: str = ""


class MatchRow(SQLModel, table=True):
    """A rule said yes to an entry, once; *because* is a list of places."""

    __tablename__ = "match"
    __table_args__ = (
        UniqueConstraint("rule", "entry"),
        UniqueConstraint("rule", "seq"),
        Index("ix_match_rule_updated_at", "rule", "updated_at"),
        Index("ix_match_rule_matched_at", "rule", "matched_at"),
    )

    id: str = Field(primary_key=True)
    rule: str = Field(foreign_key="rule.id")
    entry: str = Field(foreign_key="entry.id", index=True)
    seq: int
    version: str
    because: list[dict[str, Any]] = Field(sa_type=JSON)
    matched_at: datetime = _instant(index=True)
    updated_at: datetime = _instant(unique=True)
    lost: bool = False


class BandRow(SQLModel, table=True):
    """A number that an entry shares with its copies, as long as one may come; *at* is when it was seen."""

    __tablename__ = "band"

    band: int = Field(sa_column=Column(BigInteger, primary_key=True, autoincrement=False))
    entry: str = Field(primary_key=True, foreign_key="entry.id", index=True)
    at: datetime = _instant(index=True)


class CopyRow(SQLModel, table=True):
    """A rule said yes to a copy of what it had matched: *match* tells of it too.

    *id* is that which its own match would have. *terms* are those that held.
    """

    __tablename__ = "copy"

    id: str = Field(primary_key=True)
    match: str = Field(foreign_key="match.id", index=True)
    rule: str = Field(foreign_key="rule.id")
    entry: str = Field(foreign_key="entry.id", index=True)
    terms: list[str] = Field(sa_type=JSON)
    at: datetime = _instant()


class FeedTokenRow(SQLModel, table=True):
    """A reader's token for a private feed, by its hash."""

    __tablename__ = "feed_token"

    id: str = Field(primary_key=True)
    feed: str
    label: str = Field(default="", sa_type=Text)
    sha256: str = Field(unique=True, index=True)
    created_at: datetime = _instant()


class EndpointRow(SQLModel, table=True):
    """An endpoint's health. *listed* tells whether its *owner* still has it: the desk, or a part of us."""

    __tablename__ = "endpoint"

    name: str = Field(primary_key=True)
    owner: str = "desk"
    listed: bool = True
    disabled: str = ""
    failures: int = 0
    failing_since: datetime | None = _instant(null=True)
    succeeded_at: datetime | None = _instant(null=True)
    rests_until: datetime | None = _instant(null=True)
    digest_at: datetime | None = _instant(null=True)


class DeliveryRow(SQLModel, table=True):
    """One payload owed to one endpoint; *body*, *content_type* and *headers* never change.

    *placed_at* is when it was decided that it leaves alone, for an endpoint that
    asks for more than that.
    """

    __tablename__ = "delivery"
    __table_args__ = (
        Index("ix_delivery_endpoint_state_due", "endpoint", "state", "due"),
        Index(
            "ix_delivery_endpoint_placed_at",
            "endpoint",
            "placed_at",
            sqlite_where=text("placed_at IS NOT NULL"),
            postgresql_where=text("placed_at IS NOT NULL"),
        ),
    )

    id: str = Field(primary_key=True)
    endpoint: str = Field(foreign_key="endpoint.name")
    event: str
    match: str = Field(index=True)
    body: bytes = Field(sa_type=LargeBinary)
    content_type: str = JSON_TYPE
    headers: dict[str, str] = Field(default_factory=dict, sa_type=JSON)
    state: str
    created_at: datetime = _instant(index=True)
    due: datetime = _instant()
    attempts: int = 0
    lease_until: datetime | None = _instant(null=True)
    token: str = ""
    delivered_at: datetime | None = _instant(null=True)
    error: str = ""
    placed_at: datetime | None = _instant(null=True)
    why: str = ""
    bundle: str = ""


class SilenceRow(SQLModel, table=True):
    """Nothing is told to an endpoint for a while, of one rule or at all."""

    __tablename__ = "silence"

    id: str = Field(primary_key=True)
    endpoint: str = Field(foreign_key="endpoint.name", index=True)
    rule: str = ""
    reason: str = Field(sa_type=Text)
    since: datetime = _instant()
    until: datetime = _instant()
    ended_at: datetime | None = _instant(null=True)
    count: int = 0


class AttemptRow(SQLModel, table=True):
    """One try of a delivery, numbered from 1."""

    __tablename__ = "attempt"

    delivery: str = Field(primary_key=True, foreign_key="delivery.id")
    number: int = Field(primary_key=True)
    at: datetime = _instant()
    took_us: int = Field(sa_type=BigInteger)
    status: int | None = None
    error: str = ""
    response: str = Field(default="", sa_type=Text)


class EventRow(SQLModel, table=True):
    """Something that happened to the desk itself."""

    __tablename__ = "event"
    __table_args__ = (Index("ix_event_about_at", "about", "at"),)

    at: datetime = Field(sa_column=Column(Instant, primary_key=True, autoincrement=False))
    kind: str
    about: str = Field(sa_type=Text)
    words: str = Field(sa_type=Text)
