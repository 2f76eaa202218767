"""What is published: the site, its rules, and one feed for each of them and for their groups."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from rules import Problem, Rule
from store import Feed

HEALTH = "health"
"""The name of the desk's own feed, which no rule and no combined feed can have."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Site:
    """Who publishes, and under which address: *base_url* has no slash at its end."""

    title: str
    base_url: str
    languages: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Catalogue:
    """What is published at this moment; *retired* are the rules that there were once.

    *hubs* are the addresses of the WebSub hubs that tell subscribers of changes.
    """

    site: Site
    rules: Mapping[str, Rule]
    feeds: Mapping[str, Feed]
    problems: tuple[Problem, ...] = ()
    retired: frozenset[str] = frozenset()
    hubs: tuple[str, ...] = ()
    prefix: str = ""

    @property
    def base(self) -> str:
        """Return the address below which everything of it stands, without a slash at its end."""
        return self.site.base_url + self.prefix

    @property
    def scope(self) -> str:
        """Return who may keep copies of it, in the words of Cache-Control."""
        return "private" if self.prefix else "public"

    def feed(self, name: str) -> Feed | None:
        """Return the feed of that name, the desk's own among them."""
        return self.health if name == HEALTH else self.feeds.get(name)

    @property
    def health(self) -> Feed:
        """Return the desk's own feed: what happened to its sources, endpoints and files."""
        title = f"Health of {self.site.title}"
        description = "Sources that fail, fall silent or recover, disabled endpoints, refused files"
        return Feed(name=HEALTH, title=title, rules=(), description=description)

    @classmethod
    def of(
        cls,
        site: Site,
        rules: Mapping[str, Rule],
        combined: Iterable[Feed],
        *,
        problems: tuple[Problem, ...] = (),
        retired: frozenset[str] = frozenset(),
        hubs: tuple[str, ...] = (),
    ) -> Catalogue:
        """Return the catalogue with a feed for each rule, the *combined* ones, and `all`."""
        feeds = {
            rule.id: Feed(name=rule.id, title=rule.title, rules=(rule.id,))
            for rule in rules.values()
        }
        feeds |= {feed.name: feed for feed in combined}
        feeds["all"] = Feed(name="all", title=site.title, rules=tuple(rules))
        return cls(
            site=site, rules=rules, feeds=feeds, problems=problems, retired=retired, hubs=hubs
        )
