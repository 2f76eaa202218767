"""Judges queries without any text: one that always holds, or never, is no question."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache

from rules.implication import implies
from rules.query import And, Node, Not, Or

_MOST_ATOMS = 12


def holds_without_terms(node: Node) -> bool:
    """Tell whether *node* holds for a text in which none of its terms stands."""
    return _compiled(node, {})(0)


def can_hold(node: Node) -> bool:
    """Tell whether some text could make *node* hold; True also where that is hard to see."""
    atoms: dict[Node, int] = {}
    judged = _compiled(node, atoms)
    if len(atoms) > _MOST_ATOMS:
        return not _denies_itself(node)
    known = cache(implies)
    return any(
        judged(held) and not _lacks_what_it_implies(held, atoms, known)
        for held in reversed(range(1 << len(atoms)))  # nearly all may hold, and do so at once
    )


def _lacks_what_it_implies(
    held: int, atoms: Mapping[Node, int], known: Callable[[Node, Node], bool]
) -> bool:
    """Tell whether one of the atoms that hold implies one that does not."""
    present = [atom for atom, bit in atoms.items() if held & bit]
    absent = [atom for atom, bit in atoms.items() if not held & bit]
    return any(known(atom, other) for atom in present for other in absent)


def _denies_itself(node: Node) -> bool:
    """Tell whether what *node* asks for is what it refuses."""
    match node:
        case And(parts):
            denied = tuple(part.part for part in parts if isinstance(part, Not))
            return any(map(_denies_itself, parts)) or (bool(denied) and implies(node, Or(denied)))
        case Or(parts):
            return all(map(_denies_itself, parts))
        case _:
            return False


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
            bit = atoms.setdefault(node, 1 << len(atoms))
            return lambda held: bool(held & bit)
