"""Languages as BCP 47 tags them: what somebody wants, and which of those that there are comes nearest (RFC 4647)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

DEFAULT = "en"
"""The language of those who ask for none that we have; every entry of the catalogue has it."""
MAX_HEADER = 1000
"""Characters of a header that are looked at; what follows is ignored."""
_RANGE = re.compile(r"\s*(\*|[A-Za-z]{1,8}(?:[-_][A-Za-z0-9]{1,8})*)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?")
_SCRIPT = re.compile(r"[A-Za-z]{4}")


def accepted(header: str) -> list[str]:
    """The languages of an Accept-Language header, the most wanted first; those with q=0 and what is malformed are left
    out. Total. `*` stands for the default: whoever accepts anything gets that."""
    found: list[tuple[float, str]] = []
    for part in header[:MAX_HEADER].split(","):
        match = _RANGE.fullmatch(part)
        weight = float(match.group(2) or 1) if match else 0.0
        if match and 0 < weight <= 1:
            found.append((weight, match.group(1).replace("_", "-")))
    wanted = [name for _, name in sorted(found, key=lambda each: -each[0])]
    return [DEFAULT if name == "*" else name for name in wanted]


def negotiate(wanted: Sequence[str], available: Iterable[str]) -> str | None:
    """The one of the available languages, as it is spelt there, that suits somebody who wants these, the best first;
    None if none does.

    For each wanted one by lookup (RFC 4647 section 3.4: `zh-Hant-TW` gets `zh-Hant`, else `zh`); else by what is more
    special than that (section 3.3.1: `fr` gets `fr-CA`, and so does `fr-CH`), unless it is in another script.
    """
    spelled: dict[str, str] = {}
    for name in available:
        spelled.setdefault(_folded(name), name)
    for tag in map(_folded, wanted if spelled else ()):
        ranges = list(_shortened(tag))
        for one in ranges:
            if one in spelled:
                return spelled[one]
        for one in ranges:
            special = [name for name in spelled if name.startswith(f"{one}-") and _script(tag) in (None, _script(name))]
            if special:
                return spelled[min(special, key=lambda name: (name.count("-"), name))]
    return None


def _folded(tag: str) -> str:
    return tag.strip().replace("_", "-").casefold()


def _shortened(tag: str) -> Iterator[str]:
    """The tag, then without its last subtag, and so on; a single letter, which begins an extension, goes with what
    follows it."""
    parts = tag.split("-")
    while parts:
        if len(parts[-1]) > 1:
            yield "-".join(parts)
        parts.pop()


def _script(tag: str) -> str | None:
    return next((part for part in tag.split("-")[1:3] if _SCRIPT.fullmatch(part)), None)
