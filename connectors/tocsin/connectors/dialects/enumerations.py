"""The members of DIDComm v1 reports with a closed set of words: who retries, the impact, and on whose side it was."""

from __future__ import annotations

import re

from msgspec import Struct

from tocsin.connectors.dialects.vocabulary import Known
from tocsin.schemas.problem import RetryParty

IMPACTS = frozenset({"message", "thread", "connection"})
PARTIES = frozenset({"you", "me", "other"})
RETRY_PARTIES = {
    "you": RetryParty.RECIPIENT, "me": RetryParty.REPORTER, "both": RetryParty.BOTH, "none": RetryParty.NONE,
}  # fmt: skip
"""`who_retries` is said by the reporter: its "me" is the reporter (REQUIREMENTS b.1 8)."""

_WHERE = re.compile(r"\s*([A-Za-z]+)\b[\s:/,.|-]*(.*)", re.DOTALL)


class Place(Struct, frozen=True):
    """Where a problem happened, as the reporter sees it."""

    party: str | None = None
    place: str | None = None


def _folded(known: Known, slot: str, text: str) -> str:
    """An enumeration's value as the seeds write it, in lower case (Credo writes MESSAGE and YOU)."""
    folded = text.strip().casefold()
    if folded != text:
        known.flag("enum-not-lower-case", slot)
    return folded


def retry_party_of(known: Known, said: str | None) -> RetryParty:
    """The party that `who_retries` means; unknown when nothing, or nothing known, is said."""
    if said is None:
        return RetryParty.UNKNOWN
    party = RETRY_PARTIES.get(_folded(known, "who-retries", said))
    if party is None:
        known.flag("enum-unknown", "who-retries")
    return party or RetryParty.UNKNOWN


def scope_of_impact(known: Known, said: str | None) -> str | None:
    """The scope that an impact means; HIPE's text also calls `message` "msg" (REQUIREMENTS b.1 6, 7)."""
    if said is None:
        return None
    folded = _folded(known, "impact", said)
    folded = "message" if folded == "msg" else folded
    if folded not in IMPACTS:
        known.flag("enum-unknown", "impact")
        return None
    return folded


def take_place(known: Known) -> Place:
    """What `where` says: `<party> - <place>`."""
    said = known.text("where")
    if said is None:
        return Place()
    match = _WHERE.fullmatch(said)
    party = match.group(1).casefold() if match else None
    if match is None or party not in PARTIES:
        known.flag("where-without-party", "where")
        return Place(place=said)
    if match.group(1) != party:
        known.flag("enum-not-lower-case", "where")
    return Place(party, match.group(2).strip() or None)
