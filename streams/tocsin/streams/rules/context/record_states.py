"""States of records as their agents spell them, in whatever case: which are the last ones, and which of two is news."""

from __future__ import annotations

COMPLETED = frozenset({
    *("complete", "completed", "done"),
    *("connectionresponsesent", "connectionresponsereceived", "credentialsent", "credentialreceived"),
    *("presentationsent", "presentationverified", "presentationaccepted", "published"),
})  # fmt: skip
"""States of a record with which its thread completes; those of Identus Cloud Agent among them."""

_LAST = COMPLETED | {"abandoned", "declined", "deleted", "error", "failed", "rejected"}
"""States after which a record does not change any more."""


def is_completed(state: str | None) -> bool:
    """Whether a record's thread completes with this state."""
    return (state or "").casefold() in COMPLETED


def is_later(at: int, state: str | None, known_at: int, known: str | None) -> bool:
    """Whether a state of a record is not before the one that is known, by the record's own time (microseconds): a
    program that tells of its records in whatever order tells the same. Many clocks of records count whole seconds: at
    the same time a last state is the later one, else the greater word, so that the order is none."""
    return (at, _is_last(state), state or "") >= (known_at, _is_last(known), known or "")


def _is_last(state: str | None) -> bool:
    return (state or "").casefold() in _LAST
