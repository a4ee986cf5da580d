"""The URIs of a report: never used because a report has them, only if the rules allow them (REQUIREMENTS b.1 19)."""

from __future__ import annotations

import re

MAX_URI = 2048
"""Characters of a URI; a longer one is not kept, since a part of it would be another one."""

_SCHEMES = ("mailto:", "https:")
_PLAIN = re.compile(r"[!-~]+")


def kept_uri(uri: str | None) -> str | None:
    """The URI as it may be stored and shown: bounded, without blanks and control characters; else None."""
    return uri if uri is not None and len(uri) <= MAX_URI and _PLAIN.fullmatch(uri) else None


def allowed_uri(uri: str | None, patterns: tuple[str, ...]) -> str | None:
    """The report's `escalation_uri` if a pattern allows it: `mailto:` or `https:`, whole or by its beginning (`*`). A
    bare e-mail address counts as `mailto:`."""
    kept = kept_uri(uri)
    if kept is None:
        return None
    if "@" in kept and ":" not in kept:
        kept = f"mailto:{kept}"
    if not kept.lower().startswith(_SCHEMES):
        return None
    return kept if any(_fits(kept, pattern) for pattern in patterns) else None


def _fits(uri: str, pattern: str) -> bool:
    return uri.startswith(pattern[:-1]) if pattern.endswith("*") else uri == pattern
