"""Explains a rule's answer: its tree, with what held, where, and what nearly did."""

from __future__ import annotations

from dataclasses import dataclass

from msgspec.structs import replace

from rules.entry import Entry
from rules.match import Because
from rules.near import nearest
from rules.page import Page
from rules.plain import judge
from rules.query import And, Count, Near, Node, Not, Or, Term, print_query
from rules.rule import Rule

_ANYWHERE = 9_999


@dataclass(frozen=True, slots=True, kw_only=True)
class Explained:
    """One node of a rule's tree: whether it held, the places that made it hold, and a remark."""

    label: str
    held: bool
    because: tuple[Because, ...] = ()
    note: str = ""
    children: tuple[Explained, ...] = ()


def explain(rule: Rule, entry: Entry) -> Explained:
    """Return the tree of *rule* with what held for *entry* and what did not.

    Where the rule asks of some sources alone, they are the first branch.
    """
    verdict = _explained(rule.tree, Page(entry))
    if rule.only is None and not rule.except_:
        return verdict
    sources = Explained(
        label=_sources(rule),
        held=rule.asks_of(entry.source),
        note=f"the article is of `{entry.source}`" if entry.source else "the article is of none",
    )
    held = sources.held and verdict.held
    return Explained(
        label="AND", held=held, because=verdict.because if held else (), children=(sources, verdict)
    )


def _sources(rule: Rule) -> str:
    kinds = (("only", rule.only or ()), ("except", rule.except_))
    return "sources: " + ", ".join(f"{kind} {', '.join(names)}" for kind, names in kinds if names)


def _explained(node: Node, page: Page) -> Explained:
    hits = judge(node, page)
    children: tuple[Node, ...] = ()
    label, note = print_query(node), ""
    match node:
        case And(parts):
            label, children = "AND", parts
        case Or(parts):
            label, children = "OR", parts
        case Not(part):
            label, children = "NOT", (part,)
        case Near(left, right) if hits is None:
            children, note = (left, right), _nearest(node, page)
        case Count(term, least):
            note = f"{len(page.hits(term).first(None))} of {least}"
        case Term(kind="window" | "phrase") if hits is None:
            note = _apart(node, page)
        case _:
            pass
    return Explained(
        label=label,
        held=hits is not None,
        because=page.because(hits or ()),
        note=note,
        children=tuple(_explained(child, page) for child in children),
    )


def _nearest(node: Near, page: Page) -> str:
    """Return how far apart the two sides are at their nearest, or why they never meet."""
    if apart := nearest(node, page):
        return f"distance {apart}, allowed {node.distance}"
    if judge(node.left, page) is None or judge(node.right, page) is None:
        return ""
    other = nearest(Near(node.left, node.right, node.distance), page)
    return f"distance {other}, but in the other order" if other else "not in the same field"


def _apart(term: Term, page: Page) -> str:
    """Return how many others stand among the words of *term* at their nearest, if all stand there."""
    windows = page.hits(replace(term, kind="window", slop=_ANYWHERE))
    fewest = min((page.folded(hit[0]).count(*page.span(hit)) for hit in windows), default=None)
    if fewest is None:
        return ""
    others = fewest - len(term.words)
    if term.kind == "window":
        return f"{others} others among them, allowed {term.slop}"
    return f"{others} others among its words" if others else "its words in another order"
