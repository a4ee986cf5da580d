"""The keys of rows: `kind/part/part`, the tenant first in every row of `decide` (RELIABILITY.md 3.7)."""

from __future__ import annotations

from hashlib import sha256

MAX_KEY_PART = 255
"""Characters of one part of a row key; a longer part is replaced by its SHA-256."""


def row_key(kind: str, *parts: str) -> str:
    """`kind/part/part`, with the separator escaped in parts, so that two different subjects never share a row."""
    key = "/".join((kind, *parts))
    if len(key) <= MAX_KEY_PART and "%" not in key and key.count("/") == len(parts):
        return key  # nothing to escape, and this is called several times for each event
    return "/".join((kind, *[_key_part(part) for part in parts]))


def _key_part(part: str) -> str:
    if len(part) > MAX_KEY_PART:
        return "%" + sha256(part.encode("utf-8", "surrogatepass")).hexdigest()
    if "%" in part or "/" in part:
        return part.replace("%", "%25").replace("/", "%2F")
    return part
