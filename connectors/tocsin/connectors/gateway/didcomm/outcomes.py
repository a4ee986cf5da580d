"""What may become of an envelope: a closed set, for the metric, the log and the answer."""

from __future__ import annotations

from enum import StrEnum

from tocsin.connectors.didcomm.port import Fault, Unpackable, Unresolvable


class Outcome(StrEnum):
    """The first ones are of genuine messages; the rest of what did not open, or whose sender nothing proves."""

    REPORTED = "reported"
    ACTIVITY = "activity"
    ANSWERED = "answered"
    """A ping or a question."""

    QUIET = "quiet"
    """Nothing was wanted, or not in this exchange."""

    REPLAYED = "replayed"
    UNSUPPORTED = "unsupported"
    OTHER_VERSION = "other_version"
    UNREADABLE = "unreadable"
    EXPIRED = "expired"
    AHEAD = "ahead"

    PLAINTEXT = "plaintext"
    ANONYMOUS = "anonymous"
    STRANGER = "stranger"
    """Proven, but nobody has named it, and only who is named is heard."""

    NOT_FOR_US = "not_for_us"
    WRONG_SENDER = "wrong_sender"
    UNRESOLVED = "unresolved"
    LIMIT = "limit"
    BROKEN = "broken"
    """Tampered, made with other keys, or no envelope inside."""


_OF_FAULT = {
    Fault.TOO_LARGE: Outcome.LIMIT,
    Fault.TOO_DEEP: Outcome.LIMIT,
    Fault.TOO_MANY_RECIPIENTS: Outcome.LIMIT,
    Fault.WRONG_LAYERS: Outcome.LIMIT,
    Fault.PLAINTEXT: Outcome.PLAINTEXT,
    Fault.NOT_FOR_US: Outcome.NOT_FOR_US,
    Fault.RECIPIENT_MISMATCH: Outcome.NOT_FOR_US,
    Fault.SENDER_MISMATCH: Outcome.WRONG_SENDER,
    Fault.SIGNER_MISMATCH: Outcome.WRONG_SENDER,
}


def outcome_of(error: Unpackable | Unresolvable) -> Outcome:
    """What became of an envelope that did not open."""
    return Outcome.UNRESOLVED if isinstance(error, Unresolvable) else _OF_FAULT.get(error.reason, Outcome.BROKEN)
