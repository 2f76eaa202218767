"""Mends text that was encoded twice on its way: "NÂ° 32108". ftfy's only room."""

from __future__ import annotations

import re

# What UTF-8 looks like when it was read as Windows-1252 or Latin-1: looked for first, because
# ftfy takes its time, and nearly no text needs it.
_TWICE = re.compile(
    "[\u00c2\u00c3\u00c5\u00e2][\u0080-\u00bf\u0152\u0153\u0160\u0161\u0178\u017d\u017e\u0192\u02c6\u02dc\u2013-\u203a\u20ac\u2122]"
)


def mended(text: str) -> str:
    """Return *text* as it was meant.

    >>> mended("la extorsi\u00c3\u00b3n, Ley N\u00c2\u00b0 32108")
    'la extorsi\u00f3n, Ley N\u00b0 32108'
    """
    if not _TWICE.search(text):
        return text
    import ftfy

    return ftfy.fix_encoding(text)
