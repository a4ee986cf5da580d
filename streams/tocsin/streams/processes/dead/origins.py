"""Into which topic a letter may be written again (docs/dead-letters.md#replay). Pure.

Each subscriber may write to `dead`, and who replays may write everywhere: so a letter's headers say where it came from
and decide nothing. Only a topic that its stage reads, or writes, gets it, and only what that topic carries.
"""

from __future__ import annotations

from collections.abc import Mapping

from tocsin.connectors.subscribe.wanted import PUBLIC
from tocsin.schemas.events import (
    ActivityObserved,
    CommandIssued,
    DeliveryAttempt,
    DeliveryOutcome,
    DeliveryRequested,
    EndpointCommand,
    ProblemReported,
    Tick,
)
from tocsin.streams.processes.dead.letter import Opened
from tocsin.streams.topology import TOPICS

_AGENTS = frozenset({"inbox", "deliveries"})
_PUBLIC = frozenset({"problems", "escalations"})

STAGES: Mapping[str, frozenset[str]] = {
    **dict.fromkeys(("decode", "fold", "forward", "write"), _AGENTS),
    "decide": frozenset({"inbox"}),
    "deliver": frozenset({"deliveries"}),
    "dispatch": frozenset({"attempts"}),
    "skip": _AGENTS | {"attempts"},
    "produce": _AGENTS | {"attempts"} | _PUBLIC,
    "subscriber": _PUBLIC,
}
"""The topics that letters of each stage come from and go to again. Of `answers` none: who waited for one has gone, and
a forged one would say that a command was carried out."""

CARRIED: Mapping[str, tuple[type, ...]] = {
    "inbox": (ProblemReported, ActivityObserved, CommandIssued, Tick),
    "deliveries": (DeliveryRequested, DeliveryOutcome, EndpointCommand, Tick),
    "attempts": (DeliveryAttempt,),
    **{topic: PUBLIC[topic] for topic in sorted(_PUBLIC)},
}
"""The kinds of events on each of them."""

_OURS = frozenset(spec.name for spec in TOPICS)


def misplaced(letter: Opened, prefix: str) -> str | None:
    """Why this letter is not written to the topic that it names, or None. `prefix` is that of the bus. What it says has
    no text of the letter: letters are counted by it."""
    topic = letter.topic.removeprefix(prefix)
    if not letter.topic.startswith(prefix) or topic not in _OURS:
        return "it does not say which of our topics it came from"
    if topic not in CARRIED:
        return "dead letters are never written into that topic: it may be forged"
    if topic not in STAGES.get(letter.stage, ()):
        return "no letter of its stage comes from that topic: it may be forged"
    if letter.stage == "subscriber" and not letter.group:
        return "it does not say of which group of subscribers it is: it may be forged"
    if letter.event is not None and not isinstance(letter.event, CARRIED[topic]):
        return f"{type(letter.event).__name__} does not belong on {topic}: it would die again, or is forged"
    return None
