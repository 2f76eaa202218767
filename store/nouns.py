"""What the store remembers, as values: they cross the border, rows never do."""

from __future__ import annotations

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any, Literal
from urllib.parse import urlsplit

from rules import Because, Copies, Entry, Escalation, Match
from store.holding import AT_WILL, Holding, Why

JSON_TYPE = "application/json"
_NAMESPACE = uuid.UUID("3f1d1c0a-6c0c-5e0b-9c33-d2d6b7a1f5e4")


def rfc3339(instant: datetime) -> str:
    """Return *instant* in UTC as RFC 3339 writes it; fractions of a second only where it has some."""
    return instant.astimezone(UTC).isoformat().replace("+00:00", "Z")


def entry_id(source: str, key: str) -> str:
    """Return the id of an entry: the same in every store that sees the same article."""
    return str(_uuid("entry", source, key))


def match_id(rule: str, entry: str) -> str:
    """Return the id of the match of *rule* on the entry with the id *entry*."""
    return str(_uuid("match", rule, entry))


def delivery_id(event: str, subject: str, endpoint: str) -> str:
    """Return the `webhook-id` under which *endpoint* learns of *event* about *subject*.

    It is derived from what it says, so that a re-match or a restored backup
    cannot send the same news under a second id.
    """
    return f"msg_{_uuid('delivery', event, subject, endpoint).hex}"


def event_id(event: Event) -> str:
    """Return the id of a stored event."""
    return str(_uuid("event", event.kind, event.about, event.at.isoformat()))


def _uuid(*parts: str) -> uuid.UUID:
    # A guid may hold halves of characters, which have no bytes in UTF-8.
    name = "\x00".join(parts).encode("utf-8", "backslashreplace").decode()
    return uuid.uuid5(_NAMESPACE, name)


@dataclass(frozen=True, slots=True, kw_only=True)
class SourceSpec:
    """A source as the desk describes it.

    *address* is a URL, or a path inside the desk for local feeds and folders.
    *alert_since* is an instant, or "added" or "always". *every* None means adaptive.
    *links* is the CSS selector of a page that lists articles.
    """

    name: str
    kind: Literal["feed", "page", "files", "inbox"]
    address: str
    lang: str = ""
    every: timedelta | None = None
    full_text: bool = False
    links: str = ""
    allow_private: bool = False
    alert_since: datetime | Literal["added", "always"] = "added"
    enabled: bool = True


INBOX = SourceSpec(name="inbox", kind="inbox", address="", alert_since="always")
"""The source that every desk has: what is handed in without naming another belongs to it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Validators:
    """What a server gave us to ask with next time, byte for byte, and the hash of its last body."""

    etag: str = ""
    last_modified: str = ""
    body_sha256: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Moved:
    """A source's server leads permanently to *address*: since when, and in how many polls in a row."""

    address: str
    since: datetime
    polls: int = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class Wishes:
    """When a feed asks not to be read: its least interval, and the hours and days (UTC) to leave out.

    Hours count from 0, days from Monday, 0.
    """

    interval: timedelta = timedelta()
    skip_hours: tuple[int, ...] = ()
    skip_days: tuple[int, ...] = ()


NO_WISHES = Wishes()


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """A source and its health. All instants are aware UTC.

    *failures* counts failed polls in a row; *error* is the last one's reason and
    is empty while the source is healthy. *gone* means that the source said
    410 and is asked no more. *distrusted* means that it called changed content
    unchanged once, so that it is always asked for all; *asked_whole_at* is when
    that was done last. *empty_polls* counts polls in a row that showed nothing,
    *overrun_at* is when nothing was left of what the poll before had shown,
    *newest_at* when it brought something last, *rhythm* the longest gap between
    its latest entries, *gap* the usual one, and *took* how long its last poll took.
    """

    spec: SourceSpec
    added_at: datetime
    next_poll_at: datetime
    validators: Validators = Validators()
    polled_at: datetime | None = None
    succeeded_at: datetime | None = None
    failures: int = 0
    error: str = ""
    gone: bool = False
    entries: int = 0
    moved: Moved | None = None
    asked_whole_at: datetime | None = None
    distrusted: bool = False
    wishes: Wishes = NO_WISHES
    empty_polls: int = 0
    overrun_at: datetime | None = None
    newest_at: datetime | None = None
    rhythm: timedelta | None = None
    gap: timedelta | None = None
    took: timedelta | None = None

    @property
    def name(self) -> str:
        """Return the source's name."""
        return self.spec.name


@dataclass(frozen=True, slots=True, kw_only=True)
class Wanted:
    """A source that somebody wants to poll now; *due_only* where it is due."""

    source: str
    now: datetime
    due_only: bool = True


def server_of(address: str) -> str:
    """Return the server that an address belongs to; "" for a path in the desk.

    Its port is told where it is not one of the web's.

    >>> server_of("https://Example.org/rss"), server_of("http://127.0.0.1:8000/")
    ('example.org', '127.0.0.1:8000')
    """
    try:
        parts = urlsplit(address)
        host, port = parts.hostname or "", parts.port
    except ValueError:
        return ""
    host = f"[{host}]" if ":" in host else host
    return host if port in {None, 80, 443} else f"{host}:{port}"


def same_address(address: str) -> str:
    """Return what is the same for all spellings of one address: scheme, `www.` and last slash left out.

    >>> same_address("http://www.Example.org/rss/"), same_address("articles/")
    ('//example.org/rss', 'articles')
    """
    server = server_of(address).removeprefix("www.")
    if not server:
        return address.rstrip("/")
    parts = urlsplit(address)
    login = f"{parts.username}:{parts.password}@" if parts.username else ""
    query = f"?{parts.query}" if parts.query else ""
    return f"//{login}{server}{parts.path.rstrip('/')}{query}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rest:
    """A server that asked not to be asked before *until*, whichever of its feeds was read."""

    server: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The right to poll one source until *until*; *token* proves it at commit."""

    source: Source
    token: str
    until: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Revision:
    """One state of an entry's text, numbered from 1, since *at*.

    Where the linked article was read, *other* is the text that was not taken: the
    feed's own, or the article's where that says less.
    """

    number: int
    at: datetime
    title: str
    summary: str
    text: str
    other: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Linked:
    """What came of reading the article that an entry links to.

    *shown* is the digest of what its feed says of it, *other* the text that was not
    taken. *missing* tells that the article could not be had now, but may be later.
    """

    shown: str
    other: str = ""
    missing: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Known:
    """What the store already knows of an entry of a source: its text's digest and its matches.

    *linked* is what came of reading its article, and *present* its latest
    revision, where that was asked for.
    """

    id: str
    key: str
    sha256: str
    seen_at: datetime
    matched: Mapping[str, str]
    """rule id -> the rule version that matched last"""
    link: str = ""
    title: str = ""
    published: datetime | None = None
    linked: Linked | None = None
    present: Revision | None = None

    def says(self, entry: Entry) -> bool:
        """Tell whether the source shows *entry* as it did when this was stored."""
        return entry.sha256 in (self.sha256, self.linked and self.linked.shown)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stored:
    """An entry as the store has it: when it was seen first, and rule -> version of its matches."""

    id: str
    entry: Entry
    seen_at: datetime
    matched: Mapping[str, str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Judged:
    """An entry that is new or was edited, and what the rules say of its present text.

    A rule in *lost* matched an earlier revision and does not hold any more.
    *link* is the address by which the same article is known in other sources.
    *known* tells an edit from a new entry, *linked* what came of its article. By its
    *bands* its copies are found.
    """

    id: str
    entry: Entry
    matches: tuple[Match, ...] = ()
    lost: tuple[str, ...] = ()
    link: str = ""
    known: bool = False
    linked: Linked | None = None
    bands: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryTerms:
    """How long after an entry its copies join its story, and what rules ask of them, by id.

    A *window* of nothing lets none join.
    """

    window: timedelta = timedelta()
    copies: Mapping[str, Copies] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Owed:
    """A delivery that a poll brings about.

    *payload* is the JSON object that the endpoint will get. Where *match* is
    given, the store writes the match's sequence number into
    `payload["data"]["seq"]` before it freezes the bytes. Where *body* is given,
    those bytes are sent, and *payload* is not looked at. *content_type* and
    *headers* go with every try. Where *when* is given, it is due only with the
    source that makes it enough; until then the endpoint is spared.
    """

    id: str
    endpoint: str
    event: str
    payload: Mapping[str, Any] = field(default_factory=dict)
    match: str = ""
    when: Escalation | None = None
    body: bytes | None = None
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Hub:
    """Who pushes what is new in a feed (WebSub): the hub's address, and the feed's name there."""

    address: str
    topic: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Subscription:
    """What was asked of the hub of a source.

    It calls us at *callback*, and proves itself by *secret*. *due* is when it is
    to be asked (again), *lease_until* how long it will push, *pushed_at* when it
    did last; *error* is its refusal.
    """

    source: str
    hub: str
    topic: str
    callback: str
    secret: str
    due: datetime
    lease_until: datetime | None = None
    pushed_at: datetime | None = None
    failures: int = 0
    error: str = ""

    def is_held(self, now: datetime) -> bool:
        """Tell whether the hub pushes now."""
        return self.lease_until is not None and now < self.lease_until


def hub_id(topic: str, callback: str) -> str:
    """Return the id of who wants *topic* at *callback*: a second request renews the first."""
    return f"hub-{_uuid('hub', topic, callback)}"


@dataclass(frozen=True, slots=True, kw_only=True)
class HubRequest:
    """What somebody asked of our hub, until the callback confirms it by repeating *challenge*.

    Or that a subscription is "denied", until the callback was told. *topic* is the address of a feed below the base URL: "feeds/all.atom".
    """

    id: str
    mode: Literal["subscribe", "unsubscribe", "denied"]
    topic: str
    callback: str
    secret: str = field(repr=False)
    lease: timedelta
    challenge: str
    due: datetime
    tries: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class HubSubscriber:
    """Who hears at *callback* of each change of a feed: by our hub until *lease_until*.

    Or, where it *is_hub*, a hub of others that is told as long as the desk names it.
    """

    id: str
    topic: str
    callback: str
    secret: str = field(default="", repr=False)
    lease_until: datetime | None = None
    is_hub: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Seen:
    """What a good poll saw of its source's ways, beside entries.

    *whole* tells that the server was asked without conditions. *overrun* tells
    that nothing was left of what the poll before had shown, so that something
    may have come and gone between the two. *read* is False where the source said
    that nothing had changed: then what the document says is None or empty here.
    *hub* pushes what is new.
    """

    read: bool = True
    moved: Moved | None = None
    whole: bool = False
    distrusted: bool = False
    wishes: Wishes = NO_WISHES
    empty: bool = False
    overrun: bool = False
    rhythm: timedelta | None = None
    gap: timedelta | None = None
    hub: Hub | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Coverage:
    """What came of a source's polls on one day (UTC)."""

    day: date
    read: int = 0
    failed: int = 0
    new: int = 0
    overrun: int = 0


EventKind = Literal[
    "source.failing",
    "source.recovered",
    "endpoint.disabled",
    "endpoint.enabled",
    "desk.refused",
    "desk.mended",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Event:
    """Something that happened to the desk itself, as its health feed tells it.

    *about* names the source, the endpoint or the file, and *words* say what and
    why, for a person.
    """

    kind: EventKind
    about: str
    words: str
    at: datetime

    @property
    def field(self) -> str:
        """Return what it is about: a source, an endpoint or the desk."""
        return self.kind.partition(".")[0]


@dataclass(frozen=True, slots=True, kw_only=True)
class Poll:
    """One look at a source and all that it changed; committed whole or not at all.

    *validators* None keeps those that are stored. *error* is empty for a
    poll that succeeded. *seen* is what was seen of the source's ways. *pushed*
    entries were handed in: of the source itself that tells nothing. *events* are
    what the desk's health feed tells of it. *stories* say which copies join.
    *linked* is what came of reading the articles of entries, by id, whose text
    stayed as it was. *rest* is asked of all sources of a server.
    """

    source: str
    token: str
    at: datetime
    next_poll_at: datetime
    judged: tuple[Judged, ...] = ()
    owed: tuple[Owed, ...] = ()
    validators: Validators | None = None
    error: str = ""
    gone: bool = False
    seen: Seen | None = None
    took: timedelta | None = None
    pushed: bool = False
    events: tuple[Event, ...] = ()
    linked: tuple[tuple[str, Linked], ...] = ()
    rest: Rest | None = None
    stories: StoryTerms = StoryTerms()


@dataclass(frozen=True, slots=True, kw_only=True)
class Committed:
    """What a commit did: counts for the log and whom to ring."""

    new: int = 0
    revised: int = 0
    matched: int = 0
    endpoints: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Backlog:
    """What is owed: deliveries by state, when the latest was due, and claims whose lease ran out."""

    states: Mapping[str, int]
    oldest: datetime | None
    stalled: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Feed:
    """A list of matches that we publish: those of *rules*, newest first."""

    name: str
    title: str
    rules: tuple[str, ...]
    description: str = ""
    private: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class Headline:
    """A match in a line: the title and the source of its entry, and when it was found."""

    id: str
    rule: str
    title: str
    source: str
    lang: str
    matched_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedToken:
    """Somebody may read the private feed *feed*; *label* says who. *id* is no secret."""

    id: str
    feed: str
    label: str
    created_at: datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Outlet:
    """Where else a story stands: another entry of it, seen *at*.

    Readers know it by its *name*: that of the source, or, where this passes on
    what others publish, what it calls them, or their host.
    """

    entry_id: str
    source: str
    name: str
    title: str
    url: str
    at: datetime


_MOST_OUTLETS = 20
_LONGEST_TITLE = 300


def told_outlets(outlets: Sequence[Outlet]) -> list[dict[str, str]]:
    """Return *outlets* as payloads name them, 20 at most."""
    return [
        {
            "source": one.source,
            "name": one.name,
            "title": one.title[:_LONGEST_TITLE],
            "url": one.url,
            "seen": rfc3339(one.at),
        }
        for one in outlets[:_MOST_OUTLETS]
    ]


@dataclass(frozen=True, slots=True, kw_only=True)
class Published:
    """A match as a feed or a page shows it.

    *seq* counts the matches of one rule from 1. *matched_at* never changes;
    *updated_at* is unique in the store and moves when the entry was edited.
    *lost* says that the entry's present text does not match any more.
    *outlets* have copies, the first first.
    """

    id: str
    seq: int
    rule: str
    version: str
    entry_id: str
    entry: Entry
    because: tuple[Because, ...]
    seen_at: datetime
    matched_at: datetime
    updated_at: datetime
    lost: bool = False
    outlets: tuple[Outlet, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageTemplate:
    """What the desk wants written for people, in Jinja2; what is empty is ours.

    *format* is what the body is written in, or "" for what the channel likes best.
    """

    title: str = ""
    body: str = ""
    format: Literal["", "text", "markdown", "html"] = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Span:
    """Some of the matches of a feed, newest first, and where those begin that are not among them.

    All that were found at *reached* and later, within what was asked for, are
    among them; *earlier* is when the newest of the others before it was found.
    Either is None where there is no such match.
    """

    matches: tuple[Published, ...]
    reached: datetime | None = None
    earlier: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class EndpointSpec:
    """An endpoint as the desk, or whoever enlisted it, describes it.

    *kind* chooses how a try goes out (`feeds.sending.Sender`), *rate* is how many may
    in a second. *secrets* are the `whsec_` signing keys in force, *retiring* older ones
    that sign beside them until their instants. *templates* are for channels, by what comes before the dot in the names of events: "match", "source",
    "digest".
    """

    name: str
    url: str = field(repr=False)
    kind: str = "webhook"
    rate: float = 5.0
    secrets: tuple[str, ...] = field(default=(), repr=False)
    retiring: tuple[tuple[str, datetime], ...] = field(default=(), repr=False)
    events: tuple[str, ...] = ("match.created",)
    allow_private: bool = False
    holding: Holding = AT_WILL
    templates: Mapping[str, MessageTemplate] = field(default_factory=dict)

    def keys(self, now: datetime) -> tuple[str, ...]:
        """Return the secrets that sign at *now*."""
        return (*self.secrets, *(key for key, until in self.retiring if now < until))


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """An endpoint's health: *disabled* is the reason for which nothing is sent, or empty.

    *failures* counts tries in a row that failed. Nothing is sent before *rests_until*.
    """

    name: str
    disabled: str = ""
    failures: int = 0
    failing_since: datetime | None = None
    succeeded_at: datetime | None = None
    rests_until: datetime | None = None
    due: int = 0
    held: int = 0
    delivered: int = 0
    failed: int = 0
    waiting: int = 0


DeliveryState = Literal["due", "delivered", "held", "failed", "waiting", "bundled", "spared"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """One try of a delivery. *status* is None where no answer came; *took* is a duration."""

    number: int
    at: datetime
    took: timedelta
    status: int | None
    error: str = ""
    response: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Delivery:
    """One match (or test) owed to one endpoint; *body* are the frozen bytes of its payload.

    *content_type* and *headers*, lower-case names, go with it in every try.

    state: due (will be tried at *due*), delivered, held (the endpoint is disabled,
    or takes nothing at all), failed (every try was used, though others arrived),
    waiting (for the bundle that closes at *due*, because of *why*), bundled (the
    delivery *bundle* tells of it), spared (its rule asks for more sources before it
    tells this endpoint).
    """

    id: str
    endpoint: str
    event: str
    match: str
    body: bytes
    state: DeliveryState
    created_at: datetime
    due: datetime
    content_type: str = JSON_TYPE
    headers: Mapping[str, str] = field(default_factory=dict)
    attempts: int = 0
    token: str = ""
    delivered_at: datetime | None = None
    error: str = ""
    why: str = ""
    bundle: str = ""
    log: tuple[Attempt, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Silence:
    """Nothing is told to an endpoint before *until*, of one rule or, where that is empty, at all.

    *count* is how many deliveries it held back so far. *ended_at* is when
    somebody ended it before its time.
    """

    id: str
    endpoint: str
    rule: str
    reason: str
    since: datetime
    until: datetime
    ended_at: datetime | None = None
    count: int = 0

    def is_in_force(self, now: datetime) -> bool:
        """Tell whether it holds anything back now."""
        return self.ended_at is None and now < self.until


@dataclass(frozen=True, slots=True, kw_only=True)
class Bundle:
    """What waited for one endpoint and is told together, oldest first: ids and events as stored.

    *silence* is the one that it waited for, where it is that of one.
    """

    endpoint: str
    why: Why
    since: datetime
    at: datetime
    members: tuple[tuple[str, Mapping[str, Any]], ...] = ()
    silence: Silence | None = None


Outcome = Literal["delivered", "retry", "failed", "gone"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Tried:
    """A try of a delivery that was claimed, and what comes of it.

    "retry" means again at *retry_at*, "failed" that no try is left, and "gone" that the
    endpoint wants nothing any more.
    """

    delivery: Delivery
    attempt: Attempt
    outcome: Outcome
    retry_at: datetime | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Settled:
    """What the store made of a try: the delivery's state, and the reason where it disabled the endpoint.

    *state* is None where the claim was lost meanwhile. *rests* tells that the endpoint
    is to be left alone now. *rung* are the endpoints that are told of the disabling.
    """

    state: DeliveryState | None
    rests: bool = False
    disabled: str = ""
    rung: tuple[str, ...] = ()
