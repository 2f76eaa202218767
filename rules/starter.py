"""The five rules that tocsin ships: good examples, and the first topic."""

from __future__ import annotations

from collections.abc import Mapping
from importlib.resources import files


def library_files() -> Mapping[str, bytes]:
    """Return the shipped rule files, name to bytes."""
    folder = files("rules") / "library"
    found = sorted(folder.iterdir(), key=lambda item: item.name)
    return {item.name: item.read_bytes() for item in found if item.name.endswith(".yaml")}
