"""Decides which rules match an entry, and why. Pure: it reaches no file, network or clock."""

from __future__ import annotations

from rules.book import RuleBook
from rules.entry import Entry
from rules.match import Because, Match
from rules.problems import DeskError, OperatorError, Problem, RuleError
from rules.rule import Copies, Escalation, Example, Rule
from rules.ruleset import RuleSet
from rules.starter import library_files

__all__ = [
    "Because",
    "Copies",
    "DeskError",
    "Entry",
    "Escalation",
    "Example",
    "Match",
    "OperatorError",
    "Problem",
    "Rule",
    "RuleBook",
    "RuleError",
    "RuleSet",
    "library_files",
]
