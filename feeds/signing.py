"""Signing secrets and signatures, after Standard Webhooks 1.0.0."""

from __future__ import annotations

import base64
import binascii
import secrets as entropy
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime

from standardwebhooks import Webhook

_PREFIX = "whsec_"
_SHORTEST, _LONGEST = 24, 64


def new_secret() -> str:
    """Return a new signing secret of 32 random bytes."""
    return _PREFIX + base64.b64encode(entropy.token_bytes(32)).decode()


def check_secret(secret: str) -> str | None:
    """Return why *secret* cannot sign, or None if it can; the secret is not in the reason.

    It is base64 of 24 to 64 bytes, with or without `whsec_` in front.

    >>> check_secret("whsec_c2hvcnQ=")
    'it has 5 bytes, and must have 24 to 64'
    """
    text = secret.removeprefix(_PREFIX).rstrip("=")
    try:
        key = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        return "it is not base64 (whsec_ and then base64 of 24 to 64 random bytes)"
    if not _SHORTEST <= len(key) <= _LONGEST:
        return f"it has {len(key)} bytes, and must have {_SHORTEST} to {_LONGEST}"
    return None


def sign(secrets: Sequence[str], webhook_id: str, at: datetime, body: bytes) -> Mapping[str, str]:
    """Return the three headers that prove to a receiver who sent *body*, and when.

    There is one signature for each of *secrets*, so that a receiver can change from
    one to the next without losing a delivery. *body* is UTF-8 text.
    """
    # The package replaces a time zone instead of converting it, and cuts to whole seconds:
    # it must be given the very instant, in UTC, that the header names.
    seconds = int(at.timestamp())
    instant = datetime.fromtimestamp(seconds, UTC)
    text = body.decode()
    return {
        "webhook-id": webhook_id,
        "webhook-timestamp": str(seconds),
        "webhook-signature": " ".join(
            Webhook(key).sign(webhook_id, instant, text) for key in secrets
        ),
    }


def spellings(secrets: Sequence[str]) -> Iterator[str]:
    """Yield how somebody may write *secrets*: with or without what stands around the key."""
    for secret in secrets:
        key = secret.removeprefix(_PREFIX).rstrip("=")
        padded = key + "=" * (-len(key) % 4)
        yield from (_PREFIX + padded, padded, _PREFIX + key, key)
