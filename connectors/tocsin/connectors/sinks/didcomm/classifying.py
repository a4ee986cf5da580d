"""What became of one attempt at a peer, as an outcome (docs/didcomm.md#what-becomes-of-a-message)."""

from __future__ import annotations

from tocsin.connectors.didcomm.port import MessageUnfit, NoKey, ResolutionFault, Unresolvable
from tocsin.connectors.http_outcomes import of_status
from tocsin.connectors.outcomes import Delivered, Reason, Rejected, RetryLater, SinkOutcome

NOT_ASKED = frozenset(
    (Reason.CONNECT_FAILED, Reason.DNS_FAILED, Reason.TLS_FAILED, Reason.ADDRESS_REFUSED, Reason.PROXY_FAILED)
)
"""Why nothing was sent: another service of the peer may be asked at once."""

_MAY_PASS = frozenset((429, 408))
_SILENT = NOT_ASKED | {Reason.TIMEOUT, Reason.CONNECTION_LOST}
_STALE = frozenset((400, 404, 410, 500))
"""The answers of who has moved, or has other keys now: what cannot be opened is 400 in one agent and 500 in another."""

_OFF = ResolutionFault.METHOD_UNSUPPORTED
_NEVER = frozenset((ResolutionFault.MALFORMED, _OFF))


def of_answer(status: int, retry_after: str | None, now: int) -> SinkOutcome:
    """The outcome of an answer. 410 is one service that is no more: its peer may have moved, and an endpoint has many
    peers, so it is tried again and switches nothing off."""
    outcome = of_status(status, retry_after, now)
    if isinstance(outcome, Rejected):
        return RetryLater(reason=Reason.CLIENT_ERROR, status=status)
    return outcome


def of_unsent(error: Unresolvable | NoKey | MessageUnfit, peer: str) -> SinkOutcome:
    """The outcome of what could not be packed."""
    match error:
        case Unresolvable():
            return of_unresolved(error)
        case NoKey():
            return of_missing_key(error, peer)
    return Rejected(reason=Reason.UNACCEPTABLE)


def of_unresolved(error: Unresolvable) -> SinkOutcome:
    """The outcome for a DID without a document: final where neither time helps nor a setting (did:web may be off)."""
    if error.reason in _NEVER and not (error.reason is _OFF and error.did.startswith("did:web:")):
        return Rejected(reason=Reason.UNRESOLVED)
    refused = error.reason is ResolutionFault.REFUSED
    return RetryLater(reason=Reason.ADDRESS_REFUSED if refused else Reason.UNRESOLVED)


def of_missing_key(error: NoKey, peer: str) -> SinkOutcome:
    """The outcome when a key is missing: ours may be added, and so may that of a peer whose document can change."""
    return RetryLater(reason=Reason.NO_KEY) if error.own or can_change(peer) else Rejected(reason=Reason.NO_KEY)


def of_no_way(why: Reason, peer: str) -> SinkOutcome:
    """The outcome when no service can be used."""
    return RetryLater(reason=why) if can_change(peer) else Rejected(reason=why)


def can_change(peer: str) -> bool:
    """Whether the document of a peer may be another one later: that of did:key and did:peer is the DID itself."""
    return not peer.startswith(("did:key:", "did:peer:"))


def was_not_taken(outcome: SinkOutcome) -> bool:
    """Whether the message is certainly not taken, so that another service may be tried at once: nothing was sent, or
    the answer is a redirect or a refusal."""
    if isinstance(outcome, Delivered):
        return False
    status = outcome.status or 0
    return outcome.reason in NOT_ASKED or (300 <= status < 500 and status not in _MAY_PASS)


def is_stale(outcome: SinkOutcome) -> bool:
    """Whether what is known of the peer may be too old, so that its document is to be looked up again."""
    return not isinstance(outcome, Delivered) and (outcome.reason in _SILENT or outcome.status in _STALE)
