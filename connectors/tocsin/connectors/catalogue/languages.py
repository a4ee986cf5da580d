"""Which language to answer in: Accept-Language and its like, matched by Babel (RFC 9110 12.5.4; RFC 4647 look-up)."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

DEFAULT = "en"
"""The language of those who ask for none that we have; every entry has it."""
MAX_HEADER = 1000
"""Characters of a header that are looked at; what follows is ignored."""

_RANGE = re.compile(r"\s*(\*|[A-Za-z]{1,8}(?:[-_][A-Za-z0-9]{1,8})*)\s*(?:;\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*)?")


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
    """The first of the wanted languages that is available, exactly or without its region (`de-AT` gets `de`); None if
    there is none. Needs Babel (extras `gateway` or `streams`) unless nothing is wanted."""
    if not wanted:
        return None
    from babel.core import negotiate_locale

    spelled = {name.replace("_", "-").casefold(): name for name in available}
    chosen = negotiate_locale([name.replace("_", "-") for name in wanted], spelled, sep="-")
    return None if chosen is None else spelled.get(chosen.casefold())
