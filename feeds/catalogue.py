"""What is published: the site, its rules, and one feed for each of them and for their groups."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from rules import Problem, Rule
from store import Event, Feed

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

    *private* are the feeds that are shown below an address with a token alone,
    *hidden* the rules, there and retired, of which nothing else may tell, and
    *prefix* is where such an address begins. *hubs* are the addresses of the
    WebSub hubs that tell subscribers of changes.
    """

    site: Site
    rules: Mapping[str, Rule]
    feeds: Mapping[str, Feed]
    problems: tuple[Problem, ...] = ()
    retired: frozenset[str] = frozenset()
    hubs: tuple[str, ...] = ()
    prefix: str = ""
    private: Mapping[str, Feed] = field(default_factory=dict)
    private_rules: Mapping[str, Rule] = field(default_factory=dict)
    hidden: frozenset[str] = frozenset()

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

    def shows(self, rule: str) -> bool:
        """Tell whether the matches of *rule* may be shown."""
        return rule in self.rules if self.prefix else rule not in self.hidden

    def told(self, events: Sequence[Event]) -> tuple[Event, ...]:
        """Return those of *events* that the public may know: names of files may be secrets."""
        return tuple(one for one in events if not (self.private and one.field == "desk"))

    def moved(self, name: str) -> str:
        """Return the rule that was called *name* before and is shown, or "" for none."""
        return self.former.get(name, "")

    @property
    def former(self) -> Mapping[str, str]:
        """Return the names that no feed has now, each with the rule that had it."""
        found: dict[str, str] = {}
        for rule in self.rules.values():
            for name in rule.formerly:
                if name not in self.feeds:
                    found.setdefault(name, rule.id)
        return found

    def title(self, rule: str) -> str:
        """Return the title of *rule*, or its id where it is no more."""
        return self.rules[rule].title if rule in self.rules else rule

    def behind(self, name: str, prefix: str) -> Catalogue | None:
        """Return what stands behind *prefix*, a site of its own with one private feed; None for no such."""
        feed = self.private.get(name)
        if feed is None:
            return None
        known = {**self.rules, **self.private_rules}
        return replace(
            self,
            rules={rule: known[rule] for rule in feed.rules if rule in known},
            feeds={name: feed},
            private={},
            private_rules={},
            problems=(),
            retired=frozenset(),
            hubs=(),
            prefix=prefix,
        )

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
        combined: Sequence[Feed],
        *,
        problems: tuple[Problem, ...] = (),
        retired: frozenset[str] = frozenset(),
        hubs: tuple[str, ...] = (),
        hidden: frozenset[str] = frozenset(),
    ) -> Catalogue:
        """Return the catalogue with a feed for each rule, the *combined* ones, and `all`.

        A rule that stands in private feeds and in no public one is private too,
        as are those *hidden* that the desk has no more.
        """
        private = {feed.name: feed for feed in combined if feed.private}
        public = {feed.name: feed for feed in combined if not feed.private}
        concealed = _rules_of(private) - _rules_of(public)
        shown = {name: rule for name, rule in rules.items() if name not in concealed}
        feeds = {
            rule.id: Feed(name=rule.id, title=rule.title, rules=(rule.id,))
            for rule in shown.values()
        }
        feeds |= public
        feeds["all"] = Feed(name="all", title=site.title, rules=tuple(shown))
        return cls(
            site=site,
            rules=shown,
            feeds=feeds,
            problems=problems,
            retired=retired,
            hubs=hubs,
            private=private,
            private_rules={name: rules[name] for name in rules if name in concealed},
            hidden=(hidden - rules.keys()) | concealed,
        )


def _rules_of(feeds: Mapping[str, Feed]) -> frozenset[str]:
    return frozenset(rule for feed in feeds.values() for rule in feed.rules)
