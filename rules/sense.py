"""Judges queries without any text: one that always holds, or never, is no question."""

from __future__ import annotations

from collections.abc import Callable

from rules.query import And, Node, Not, Or

_MOST_ATOMS = 12


def holds_without_terms(node: Node) -> bool:
    """Tell whether *node* holds for a text in which none of its terms stands."""
    return _compiled(node, {})(0)


def can_hold(node: Node) -> bool:
    """Tell whether some text could make *node* hold; True also where that takes too long to say."""
    atoms: dict[Node, int] = {}
    judged = _compiled(node, atoms)
    return len(atoms) > _MOST_ATOMS or any(judged(held) for held in range(1 << len(atoms)))


def _compiled(node: Node, atoms: dict[Node, int]) -> Callable[[int], bool]:
    """Return *node* as a function of the set of atoms (a bit each) that hold."""
    match node:
        case And(parts):
            inner = [_compiled(part, atoms) for part in parts]
            return lambda held: all(part(held) for part in inner)
        case Or(parts):
            inner = [_compiled(part, atoms) for part in parts]
            return lambda held: any(part(held) for part in inner)
        case Not(part):
            negated = _compiled(part, atoms)
            return lambda held: not negated(held)
        case _:
            bit = 1 << atoms.setdefault(node, len(atoms))
            return lambda held: bool(held & bit)
