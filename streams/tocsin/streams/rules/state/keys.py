"""The keys of rows: `kind/part/part`; the tenant comes first in rows of `decide`, the endpoint in rows of `deliver`."""

from __future__ import annotations

from functools import lru_cache
from hashlib import sha256

MAX_KEY_PART = 255
"""Characters of one part of a row key; a longer part is replaced by its SHA-256."""

_REMEMBERED = 1024
"""Characters of a key whose spelling is remembered; what comes from outside may be much longer."""


def row_key(*parts: str) -> str:
    """`kind/part/part`, with the separator escaped in all parts but the kind, so that two different subjects never
    share a row."""
    key = "/".join(parts)
    if key.count("/") >= len(parts) or "%" in key or len(key) > MAX_KEY_PART:
        spell = _spelt if len(key) <= _REMEMBERED else _spelt.__wrapped__
        return spell(*parts)
    return key  # nothing to escape, as mostly; and this is called several times for each event


def scope_of(key: str) -> str:
    """The first part after the kind, as it is spelt in the key: the tenant, in a row of `decide`. Empty for a row of
    the whole partition, whose key is its kind."""
    return key.split("/", 2)[1] if "/" in key else ""


def same_subject(key: str, kind: str) -> str:
    """The key of the row of another kind about the same subject: `case/acme/c1` -> `reminder/acme/c1`."""
    return f"{kind}/{key.partition('/')[2]}"


@lru_cache(maxsize=512)
def _spelt(kind: str, *parts: str) -> str:
    return "/".join((kind, *[key_part(part) for part in parts]))


def key_part(part: str) -> str:
    """One part of a key as it is spelt there."""
    if len(part) > MAX_KEY_PART:
        return "%" + sha256(part.encode("utf-8", "surrogatepass")).hexdigest()
    if "%" in part or "/" in part:
        return part.replace("%", "%25").replace("/", "%2F")
    return part
