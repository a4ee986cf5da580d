"""The few words and signs that pages put around what they show."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from jinja2 import pass_context
from jinja2.runtime import Context

from tocsin.connectors.printable import printable

SIGNS: Mapping[str, str] = {
    "error": "\u2716", "warning": "\u25b2", "unknown": "\u25cb", "open": "\u25cf", "acknowledged": "\u2713",
    "snoozed": "\u25d4", "resolved": "\u2714", "delivered": "\u2714", "rejected": "\u2716", "retry_later": "\u21bb",
}  # fmt: skip
"""What stands before a severity or a status, for whoever does not see its colour."""

UNITS = ((31_557_600, "y"), (2_629_800, "mo"), (86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))

_MOMENT = re.compile(r"\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z")

_TOLD: Mapping[str, str] = {
    "done": "Done.",
    "already_so": "It was so already: nothing had to be done.",
    "replayed": "Replayed.",
    "delivered": "The ping was taken.",
    "retry_later": "The ping was not taken: the endpoint did not answer as it should.",
    "rejected": "The ping was refused by the endpoint.",
    "kept": "Kept: nothing is done yet. It will be when somebody is told of its case, within a day.",
    "not_found": "Nothing was done: nothing is known of it any more.",
    "stored": "It is stored, and will be carried out.",
    "silence": "It is stored, and holds for what is reported once the workers have read it: from now on.",
    "no_answer": "It is not known yet whether it was done. Press again in a moment: that does no harm.",
}


def told_text(told: Mapping[str, str]) -> str:
    """What a page says about what came of a form."""
    outcome = told.get("outcome", "")
    said = _TOLD.get(outcome) or f"Nothing was done: {told.get('title', '')}."
    return _MOMENT.sub(lambda found: exact(found[0]), f"{said} {told.get('detail', '')}".strip())


def span(seconds: float) -> str:
    """A span of time in its largest unit: `5 min`."""
    size = abs(seconds)
    unit, name = next(((unit, name) for unit, name in UNITS if size >= unit), (1, "s"))
    return f"{int(size // unit)} {name}"


@pass_context
def ago(context: Context, moment: str) -> str:
    """How long before now a time was, or how long after: `5 min ago`, `in 2 h`."""
    try:
        seconds = context["frame"].now / 1_000_000 - datetime.fromisoformat(moment).timestamp()
    except (ValueError, TypeError, KeyError):
        return str(moment)
    if abs(seconds) < 1:
        return "now"
    return f"{span(seconds)} ago" if seconds > 0 else f"in {span(seconds)}"


def exact(moment: str) -> str:
    """A time of JSON for people: `2026-11-30 06:00:00 UTC`."""
    try:
        return f"{datetime.fromisoformat(moment).astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, TypeError):
        return str(moment)


def short(name: str, most: int = 28) -> str:
    """A long id without its middle."""
    said = printable(str(name))
    return said if len(said) <= most else f"{said[: most - 9]}\u2026{said[-8:]}"


def number(value: int) -> str:
    """A number with its thousands apart."""
    return f"{value:,}".replace(",", "\u202f") if isinstance(value, int) else str(value)


def words(name: str) -> str:
    """The name of an event as words: `escalation raised`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", name).lower()


def state(name: str) -> str:
    """A state of a protocol: RFC 0037 and RFC 0454 call `null` where nothing was sent yet."""
    return "start" if name == "null" else name


FILTERS: dict[str, Callable[..., Any]] = {
    "ago": ago,
    "exact": exact,
    "number": number,
    "short": short,
    "span": span,
    "state": state,
    "words": words,
}
