"""The settings of an endpoint that say when it is told, and in which words."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, time
from typing import Annotated, Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError, available_timezones

from pydantic import AfterValidator, BeforeValidator, ConfigDict, Field, model_validator
from pydantic_core import PydanticCustomError

from rules.yamldoc import closest
from store import EndpointSpec
from store.holding import Digest, Holding, Limit, Quiet, next_digest
from watcher.models import DeskModel, Duration


def _clock(value: object) -> object:
    if isinstance(value, time):
        return value
    try:
        if isinstance(value, str) and len(value) == 5:
            return time.fromisoformat(value)
    except ValueError:
        pass
    raise PydanticCustomError(
        "clock", "not a time of the day", {"hint": 'write hours and minutes: "07:00"'}
    )


def _zone(value: str) -> str:
    try:
        ZoneInfo(value)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        near = closest(value, {name.casefold() for name in available_timezones()})
        name = next((one for one in available_timezones() if one.casefold() == near), "")
        hint = f"did you mean `{name}`?" if name else 'write it as in "America/Lima" or "UTC"'
        raise PydanticCustomError("zone", "not a time zone", {"hint": hint}) from error
    return value


Clock = Annotated[time, BeforeValidator(_clock)]
Zone = Annotated[str, AfterValidator(_zone)]


class DigestSettings(DeskModel):
    """A digest at a time of the day."""

    at: Clock
    zone: Zone = "UTC"
    empty: bool = False


class QuietSettings(DeskModel):
    """Hours in which nothing goes out."""

    model_config = ConfigDict(extra="forbid", frozen=True, populate_by_name=True)

    start: Annotated[Clock, Field(alias="from")]
    to: Clock
    zone: Zone = "UTC"

    @model_validator(mode="after")
    def _hours(self) -> QuietSettings:
        if self.start == self.to:
            hint = "an endpoint that is never to be told is named by no rule"
            raise PydanticCustomError("hours", "`from` and `to` are the same", {"hint": hint})
        return self


class LimitSettings(DeskModel):
    """A limit, and the span that it counts in."""

    count: Annotated[int, Field(ge=1, le=10_000)]
    per: Duration


def _digest(value: object) -> object:
    if isinstance(value, str) and value != "hourly":
        hint = 'write digest = "hourly", or digest = {at = "07:00", zone = "America/Lima"}'
        raise PydanticCustomError("digest", "not a digest", {"hint": hint})
    return value


DigestValue = Annotated[Literal["hourly"] | DigestSettings | None, BeforeValidator(_digest)]


class TextFile(DeskModel):
    """A template in a file of the desk."""

    file: Annotated[str, Field(min_length=1)]


def _text(value: object) -> object:
    if isinstance(value, str | dict):
        return value
    hint = 'write a text, or {file = "templates/…"}'
    raise PydanticCustomError("template", "not a template", {"hint": hint})


class WordsSettings(DeskModel):
    """Title and body of a message, as templates."""

    title: str = ""
    body: Annotated[str | TextFile, BeforeValidator(_text)] = ""
    format: Literal["", "text", "markdown", "html"] = ""


class TemplateSettings(WordsSettings):
    """The words for matches, and below them those for digests and for sources."""

    digest: WordsSettings | None = None
    source: WordsSettings | None = None


def holding(
    digest: Literal["hourly"] | DigestSettings | None,
    quiet: QuietSettings | None,
    at_most: LimitSettings | None,
) -> Holding:
    """Return what the three settings ask for."""
    rhythm = None
    if digest is not None:
        rhythm = (
            Digest()
            if digest == "hourly"
            else Digest(at=digest.at, zone=digest.zone, empty=digest.empty)
        )
    return Holding(
        digest=rhythm,
        quiet=Quiet(start=quiet.start, end=quiet.to, zone=quiet.zone) if quiet else None,
        at_most=Limit(count=at_most.count, per=at_most.per) if at_most else None,
    )


def empty_digests(endpoints: Mapping[str, EndpointSpec], now: datetime) -> Mapping[str, datetime]:
    """Return when the next digest of those endpoints is due that want one without news too."""
    wanted = {name: spec.holding.digest for name, spec in endpoints.items()}
    return {
        name: next_digest(digest, now) for name, digest in wanted.items() if digest and digest.empty
    }
