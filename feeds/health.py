"""Whether a desk is at work, as `/readyz` and the people who run it see it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True, kw_only=True)
class Health:
    """Whether the desk is at work; *reasons* say why it is not. All instants are aware UTC."""

    ready: bool
    reasons: tuple[str, ...]
    started_at: datetime
    last_tick_at: datetime
    version: str
