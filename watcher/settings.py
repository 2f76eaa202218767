"""The settings of a desk: tocsin.toml, what the environment overrides, and the secrets."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Annotated, Any, Literal
from urllib.parse import urlsplit

from pydantic import AfterValidator, BeforeValidator, Field, PlainValidator, ValidationError
from pydantic_core import PydanticCustomError

from feeds.catalogue import HEALTH, Site
from feeds.clean import is_channel
from feeds.payload import EVENTS
from rules import DeskError, Problem
from store import EndpointSpec, MessageTemplate
from watcher.keys import Keys, SecretFileError, parsed
from watcher.models import DeskModel, Duration, Name, did_you_mean, file_bytes, missing, problems_of
from watcher.telling import (
    DigestValue,
    LimitSettings,
    QuietSettings,
    TemplateSettings,
    holding,
)
from watcher.tomldoc import TomlDocument, read_toml

FILE = "tocsin.toml"
PREFIX = "TOCSIN_"
_NOT_SETTINGS = {"TOCSIN_DESK", "TOCSIN_FORBID_SKIPS"}


def web_address(value: str) -> str:
    """Return *value* when it is an absolute http or https address; raise otherwise."""
    hint = "write it whole: https://example.org/feed.xml"
    try:
        parts = urlsplit(value)
        port_is_right = parts.port is None or parts.port > 0
    except ValueError as error:
        raise PydanticCustomError("address", "not a web address", {"hint": hint}) from error
    host = parts.hostname or ""
    if parts.scheme not in {"http", "https"} or not host or not port_is_right:
        raise PydanticCustomError("address", "not a web address", {"hint": hint})
    if any(char.isspace() or ord(char) < 32 for char in value):
        raise PydanticCustomError("address", "a web address has no spaces", {"hint": hint})
    if (
        any(not label or len(label) > 63 for label in host.rstrip(".").split("."))
        and ":" not in host
    ):
        raise PydanticCustomError("address", "its host name is not possible", {"hint": hint})
    return value


WebAddress = Annotated[str, AfterValidator(web_address)]
_HostName = Annotated[str, Field(pattern=r"^[a-z0-9-]+(\.[a-z0-9-]+)*$", max_length=253)]


SHORTEST_TOKEN = 20


class SiteSettings(DeskModel):
    """Who publishes, and under which address readers find it."""

    title: Annotated[str, Field(min_length=1)] = "tocsin"
    base_url: WebAddress | None = None
    languages: tuple[str, ...] = ("es", "en")


class ServerSettings(DeskModel):
    """Where the web server listens; port 0 takes any free one.

    *hosts* are the names by which it may be asked for, beside that of base_url.
    """

    host: str = "127.0.0.1"
    port: Annotated[int, Field(ge=0, le=65535)] = 8765
    hosts: Annotated[tuple[_HostName, ...], Field(max_length=100)] = ()


class StoreSettings(DeskModel):
    """Which database holds the store; a relative path starts in the desk.

    *keep* is how long deliveries that are over stay in it, with their tries.
    """

    url: str = "sqlite:///data/tocsin.db"
    keep: Annotated[Duration, Field(ge=timedelta(days=7))] = timedelta(days=90)


class EngineSettings(DeskModel):
    """What runs the jobs."""

    kind: Literal["embedded"] = "embedded"


class PollingSettings(DeskModel):
    """The bounds of the polling interval, and whom a server's owner can write to."""

    min: Duration = timedelta(minutes=5)
    max: Duration = timedelta(hours=24)
    contact: str = ""


class StorySettings(DeskModel):
    """For how long copies of an article in other outlets *join* its story, if they do."""

    join: bool = True
    window: Duration = timedelta(days=3)


class HubSettings(DeskModel):
    """Who tells readers of changes (WebSub): the desk's own hub, and *others* that it rings.

    *allow_private* lets subscribers of the own hub stand on private addresses.
    """

    own: bool = True
    others: tuple[WebAddress, ...] = ()
    allow_private: bool = False


class FeedSettings(DeskModel):
    """A combined feed of several rules; a *private* one is read with a token alone."""

    title: Annotated[str, Field(min_length=1)]
    rules: Annotated[tuple[str, ...], Field(min_length=1)]
    private: bool = False


class SecretReference(DeskModel):
    """Where a secret is kept: in an environment variable or in a file, never in the text."""

    env: str = ""
    file: str = ""


def _address(value: object) -> str | SecretReference:
    if isinstance(value, str):
        return value if is_channel(value) else web_address(value)
    if isinstance(value, dict) and value.keys() <= {"env", "file"}:
        return SecretReference.model_validate(value)
    hint = 'write "https://…", or {env = "…"} or {file = "…"} where the address is a secret'
    raise PydanticCustomError("address", "not a web address", {"hint": hint})


def _is_reference(value: object) -> object:
    if isinstance(value, str):
        hint = 'keep it elsewhere, and write {env = "NEWSROOM_SECRET"} or {file = "…"}'
        message = "a secret does not stand in this file"
        raise PydanticCustomError("confidential", message, {"hint": hint})
    return value


class ApiSettings(DeskModel):
    """The token that programs show at `/api/v1`; without one that door is closed."""

    token: Annotated[SecretReference | None, BeforeValidator(_is_reference)] = None


class EndpointSettings(DeskModel):
    """A webhook receiver or a channel: what it wants to hear of, when, and in which words."""

    url: Annotated[str | SecretReference, PlainValidator(_address)]
    secret: Annotated[SecretReference | None, BeforeValidator(_is_reference)] = None
    previous: Annotated[SecretReference | None, BeforeValidator(_is_reference)] = None
    events: Annotated[tuple[str, ...], Field(min_length=1)] = ("match.created",)
    allow_private: bool = False
    digest: DigestValue = None
    quiet: QuietSettings | None = None
    at_most: LimitSettings | None = None
    template: TemplateSettings | None = None
    rate: Annotated[float, Field(ge=0.1, le=1000)] = 5.0


class SettingsFile(DeskModel):
    """The whole of tocsin.toml."""

    site: SiteSettings = SiteSettings()
    server: ServerSettings = ServerSettings()
    store: StoreSettings = StoreSettings()
    engine: EngineSettings = EngineSettings()
    polling: PollingSettings = PollingSettings()
    stories: StorySettings = StorySettings()
    api: ApiSettings = ApiSettings()
    hub: HubSettings = HubSettings()
    feeds: dict[Name, FeedSettings] = Field(default_factory=dict)
    endpoints: dict[Name, EndpointSettings] = Field(default_factory=dict)


class Settings:
    """The settings of a desk, checked, with their secrets read and their places known."""

    def __init__(
        self,
        values: SettingsFile,
        document: TomlDocument,
        folder: Path,
        environ: Mapping[str, str],
    ) -> None:
        self.values = values
        self.folder = folder
        self.environ = environ
        self.endpoints: Mapping[str, EndpointSpec] = {}
        self.api_token = ""
        self.document = document

    def with_endpoints(self, edited: Settings) -> Settings:
        """Return these settings with the endpoints of *edited* ones; all else waits for a start."""
        values = self.values.model_copy(update={"endpoints": edited.values.endpoints})
        settings = Settings(values, edited.document, self.folder, self.environ)
        settings.endpoints, settings.api_token = edited.endpoints, self.api_token
        return settings

    @property
    def site(self) -> Site:
        """Return who publishes; without a `base_url`, under the address that the server has.

        A server that listens everywhere is linked to on this machine: which of
        its names readers use, only a `base_url` can tell.
        """
        site, server = self.values.site, self.values.server
        name = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(server.host, server.host)  # noqa: S104
        host = f"[{name}]" if ":" in name else name
        base_url = site.base_url or f"http://{host}:{server.port}"
        return Site(title=site.title, base_url=base_url.rstrip("/"), languages=site.languages)

    @property
    def hubs(self) -> tuple[str, ...]:
        """Return the addresses of the hubs that the feeds name."""
        hub = self.values.hub
        return (*([f"{self.site.base_url}/hub"] if hub.own else []), *hub.others)

    @property
    def data(self) -> bytes:
        """Return the bytes that tocsin.toml had when it was read."""
        return self.document.data

    @property
    def store_url(self) -> str:
        """Return the store's URL, a relative SQLite path made absolute within the desk."""
        url = self.values.store.url
        path = url.removeprefix("sqlite:///")
        return f"sqlite:///{(self.folder / path).resolve()}" if path != url else url

    def problem(self, path: tuple[str | int, ...], code: str, message: str, hint: str) -> Problem:
        """Return a Problem at the place of *path* in tocsin.toml."""
        line, column = self.document.place(path)
        return Problem(
            file=self.document.file,
            line=line,
            column=column,
            code=code,
            message=message,
            hint=hint,
        )


def read_settings(folder: Path, shown: str, environ: Mapping[str, str]) -> Settings:
    """Return the settings of the desk in *folder*; a desk without tocsin.toml has the defaults.

    *shown* is the file's name in messages. Raise DeskError with every problem found.
    """
    path = folder / FILE
    document = read_toml(shown, file_bytes(path, shown) if path.exists() else b"")
    overrides, problems = _overrides(environ)
    values: dict[str, Any] = _merged(document.value, overrides)
    try:
        checked = SettingsFile.model_validate(values)
    except ValidationError as error:
        found = problems_of(error, SettingsFile, shown, document.place)
        raise DeskError(
            [*problems, *(_at_variable(problem, error, overrides) for problem in found)]
        ) from error
    settings = Settings(checked, document, folder, environ)
    settings.endpoints = _endpoints(settings, environ, problems)
    settings.api_token = _api_token(settings, environ, problems)
    problems += _contradictions(settings)
    if problems:
        raise DeskError(problems)
    return settings


def _overrides(environ: Mapping[str, str]) -> tuple[dict[str, Any], list[Problem]]:
    """Return what the variables `TOCSIN_SECTION__KEY` set, as a tree of settings."""
    tree: dict[str, Any] = {}
    problems: list[Problem] = []
    for variable in sorted(environ):
        if not variable.startswith(PREFIX) or variable in _NOT_SETTINGS:
            continue
        *parents, key = variable.removeprefix(PREFIX).lower().split("__")
        if len(parents) != 1 or parents[0] not in {
            "site",
            "server",
            "store",
            "engine",
            "polling",
            "hub",
        }:
            hint = "a setting is overridden as TOCSIN_SECTION__KEY: TOCSIN_SERVER__PORT=8000"
            message = f"the environment variable {variable} names no setting"
            problems.append(
                Problem(
                    file=f"${variable}", line=1, column=1, code="S106", message=message, hint=hint
                )
            )
            continue
        tree.setdefault(parents[0], {})[key] = _toml_value(environ[variable])
    return tree, problems


def _toml_value(written: str) -> Any:
    try:
        return tomllib.loads(f"value = {written}")["value"]
    except tomllib.TOMLDecodeError:
        return written


def _merged(values: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(values)
    for section, keys in overrides.items():
        below = merged.get(section, {})
        merged[section] = {**below, **keys} if isinstance(below, dict) else keys
    return merged


def _at_variable(problem: Problem, error: ValidationError, overrides: Mapping[str, Any]) -> Problem:
    """Return *problem*, placed at the environment variable when that is what is wrong."""
    for detail in error.errors():
        section, *keys = map(str, detail["loc"]) if detail["loc"] else [""]
        if keys and keys[0] in overrides.get(section, {}) and f"`{keys[-1]}`" in problem.message:
            name = f"${PREFIX}{section}__{keys[0]}".upper()
            return Problem(
                file=name,
                line=1,
                column=1,
                code=problem.code,
                message=problem.message,
                hint=problem.hint,
            )
    return problem


def _api_token(settings: Settings, environ: Mapping[str, str], problems: list[Problem]) -> str:
    reference = settings.values.api.token
    if reference is None:
        return ""
    at = ("api", "token")
    try:
        token = _secret(settings, at, reference, environ)
    except DeskError as error:
        problems.extend(error.problems)
        return ""
    if len(token) < SHORTEST_TOKEN:
        hint = "make one with: openssl rand -base64 32"
        message = f"the token is shorter than {SHORTEST_TOKEN} characters"
        problems.append(settings.problem(at, "S111", message, hint))
    return token


def _endpoints(
    settings: Settings, environ: Mapping[str, str], problems: list[Problem]
) -> dict[str, EndpointSpec]:
    specs: dict[str, EndpointSpec] = {}
    for name, endpoint in settings.values.endpoints.items():
        at = ("endpoints", name)
        try:
            url = _url(settings, (*at, "url"), endpoint.url, environ)
            words: Mapping[str, MessageTemplate] = {}
            secrets: tuple[str, ...] = ()
            retiring: tuple[tuple[str, datetime], ...] = ()
            if is_channel(url):
                words = _words(settings, at, endpoint, url)
            else:
                secrets, retiring = _signing_keys(settings, at, endpoint, environ)
            specs[name] = EndpointSpec(
                name=name,
                url=url,
                kind="channel" if is_channel(url) else "webhook",
                secrets=secrets,
                retiring=retiring,
                events=endpoint.events,
                allow_private=endpoint.allow_private,
                holding=holding(endpoint.digest, endpoint.quiet, endpoint.at_most),
                templates=words,
                rate=endpoint.rate,
            )
        except DeskError as error:
            problems.extend(error.problems)
        for event in endpoint.events:
            if event not in EVENTS:
                message = f"there is no event {event!r}"
                hint = did_you_mean(event, EVENTS)
                problems.append(settings.problem((*at, "events"), "S105", message, hint))
    return specs


def _url(
    settings: Settings, at: tuple[str, ...], url: str | SecretReference, environ: Mapping[str, str]
) -> str:
    if isinstance(url, str):
        return url
    secret = _secret(settings, at, url, environ)
    try:
        return secret if is_channel(secret) else web_address(secret)
    except PydanticCustomError as error:
        message = f"what `url` refers to is {error.message()}"
        raise DeskError([settings.problem(at, "S104", message, "")]) from error


def _words(
    settings: Settings, at: tuple[str, ...], endpoint: EndpointSettings, url: str
) -> Mapping[str, MessageTemplate]:
    """Return the templates of a channel, having looked at its address and its other settings."""
    # Apprise and Jinja2 are slow to import, and many a desk has no channel.
    from feeds.services import ChannelError, channel
    from watcher.wording import templates

    problems: list[Problem] = []
    if endpoint.secret is not None:
        hint = "leave it out; what a channel needs stands in its address"
        message = "a channel has no signing secret"
        problems.append(settings.problem((*at, "secret"), "S112", message, hint))
    try:
        if channel(url).confidential and isinstance(endpoint.url, str):
            hint = 'keep the address elsewhere, and write url = {env = "CHAT_URL"} or {file = "…"}'
            message = "this address holds a secret, which does not stand in this file"
            problems.append(settings.problem((*at, "url"), "S113", message, hint))
    except ChannelError as error:
        problems.append(settings.problem((*at, "url"), "S104", str(error), error.hint))
    place = (*at, "template")
    words, wrong = templates(place, endpoint.template, settings.folder, settings.document)
    if problems or wrong:
        raise DeskError([*problems, *wrong])
    return words


def _signing_keys(
    settings: Settings, at: tuple[str, ...], endpoint: EndpointSettings, environ: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[tuple[str, datetime], ...]]:
    """Return the secrets in force, and older ones with the instants until which they sign too."""
    if endpoint.template is not None:
        message, hint = "a webhook gets JSON", "templates are for channels; leave this out"
        raise DeskError([settings.problem((*at, "template"), "S112", message, hint)])
    if endpoint.secret is None:
        message, hint = missing("secret")
        raise DeskError([settings.problem(at, "S102", message, hint)])
    keys = _keys(settings, (*at, "secret"), endpoint.secret, environ)
    before = endpoint.previous
    previous = _keys(settings, (*at, "previous"), before, environ) if before else None
    secrets = (keys.current, previous.current) if previous else (keys.current,)
    return secrets, (*keys.older, *(previous.older if previous else ()))


def _keys(
    settings: Settings, at: tuple[str, ...], reference: SecretReference, environ: Mapping[str, str]
) -> Keys:
    secret = _secret(settings, at, reference, environ)
    try:
        return parsed(secret)
    except SecretFileError as error:
        hint = "make one with: tocsin endpoints new-secret"
        raise DeskError(
            [settings.problem(at, "S108", f"the secret cannot be used: {error}", hint)]
        ) from error


def _secret(
    settings: Settings, at: tuple[str, ...], reference: SecretReference, environ: Mapping[str, str]
) -> str:
    if bool(reference.env) == bool(reference.file):
        hint = 'write {env = "NEWSROOM_SECRET"} or {file = "newsroom.secret"}'
        raise DeskError(
            [settings.problem(at, "S107", "a secret names one variable or one file", hint)]
        )
    if reference.env:
        if value := environ.get(reference.env, "").strip():
            return value
        message = f"the environment variable {reference.env} is not set"
        hint = f"set it before you start: export {reference.env}=whsec_…"
        raise DeskError([settings.problem(at, "S107", message, hint)])
    path = settings.folder / reference.file
    try:
        if value := path.read_text("utf-8").strip():
            return value
        reason = "is empty"
    except (OSError, UnicodeDecodeError) as error:
        reason = "cannot be read: " + (getattr(error, "strerror", None) or "not UTF-8")
    hint = "put the secret into it, readable by tocsin alone"
    raise DeskError(
        [settings.problem(at, "S107", f"the secret file {reference.file} {reason}", hint)]
    )


def _contradictions(settings: Settings) -> list[Problem]:
    problems: list[Problem] = []
    polling = settings.values.polling
    if polling.min > polling.max:
        message = "`min` is longer than `max`"
        problems.append(settings.problem(("polling", "min"), "S109", message, "swap the two"))
    for name, holds in (("all", "every match"), (HEALTH, "what happens to the desk itself")):
        if name in settings.values.feeds:
            message = f"the feed `{name}` is there already: it holds {holds}"
            at = ("feeds", name)
            problems.append(settings.problem(at, "S110", message, "choose another name"))
    return problems
