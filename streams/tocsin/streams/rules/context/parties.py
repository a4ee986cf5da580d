"""Parties: the DIDs (or keys, in DIDComm v1) of the two sides of a connection, as activity says them.

An agent's own record of a connection has both; whoever publishes its changes says them in the activity's `detail`.
"""

from __future__ import annotations

import re

from tocsin.schemas.events import ActivityKind, ActivityObserved

THEIR_DID, MY_DID = "their_did", "my_did"
"""In an activity's `detail`: the other side of its connection, and ours."""

SENDER, RECIPIENT = "sender", "recipient"
"""The same of a message that was sent or received."""

MAX_DID = 4096
"""Characters of a DID that is remembered: a long-form did:peer holds a whole document."""

_DID_OR_KEY = re.compile(
    r"(did:[a-z0-9]+:[^\s/?#\x00-\x1f\x7f]+)(?:[/?#][^\s\x00-\x1f\x7f]*)?|([1-9A-HJ-NP-Za-km-z]{21,64})"
)


def parties_in(activity: ActivityObserved) -> tuple[str | None, str | None]:
    """The other side and ours, as far as an activity says them."""
    detail = activity.detail
    if not detail:
        return None, None
    sides = detail.get(THEIR_DID), detail.get(MY_DID)
    if activity.kind is ActivityKind.MESSAGE_RECEIVED:
        sides = sides[0] or detail.get(SENDER), sides[1] or detail.get(RECIPIENT)
    elif activity.kind is ActivityKind.MESSAGE_SENT:
        sides = sides[0] or detail.get(RECIPIENT), sides[1] or detail.get(SENDER)
    return did_of(sides[0]), did_of(sides[1])


def did_of(said: str | None) -> str | None:
    """A DID without path, query and fragment, or a key in base58; None for anything else."""
    if not said or len(said) > MAX_DID or not said.isascii():
        return None
    found = _DID_OR_KEY.fullmatch(said)
    return None if found is None else found[1] or found[2]


def is_key(party: str) -> bool:
    """Whether this names a party by its key, as only DIDComm v1 does."""
    return not party.startswith("did:")
