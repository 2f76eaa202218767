"""Remembers. `import store` gives the nouns only and costs no database."""

from __future__ import annotations

from store.nouns import (
    Attempt,
    Claim,
    Committed,
    Delivery,
    DeliveryState,
    Endpoint,
    EndpointSpec,
    Feed,
    Judged,
    Known,
    Owed,
    Poll,
    Published,
    Source,
    SourceSpec,
    Stored,
    Validators,
    delivery_id,
    entry_id,
    match_id,
)

__all__ = [
    "Attempt",
    "Claim",
    "Committed",
    "Delivery",
    "DeliveryState",
    "Endpoint",
    "EndpointSpec",
    "Feed",
    "Judged",
    "Known",
    "Owed",
    "Poll",
    "Published",
    "Source",
    "SourceSpec",
    "Stored",
    "Validators",
    "delivery_id",
    "entry_id",
    "match_id",
]
