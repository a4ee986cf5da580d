"""Whom an endpoint tells by DIDComm: the keys that the rules file has for it, and what goes together.

A sink says by its attribute `tells_peers` that it can: `always`, or `perhaps`, where an endpoint without these keys
tells no agent.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import AfterValidator, Field

from tocsin.connectors.sections import Strict, Text, unfit
from tocsin.streams.rules.config import AUTO, BODIES, BODIES_BY_DIDCOMM, OTHER_SIDE, Recipient
from tocsin.streams.rules.context.parties import MAX_DID, did_of

Audience = Literal["owner", "peer", "operator"]
if TYPE_CHECKING:
    Body = str
    BodyByDidcomm = str
else:
    Body = Literal[*BODIES]
    BodyByDidcomm = Literal[*dict.fromkeys((*BODIES_BY_DIDCOMM, *BODIES))]


def _is_peer(said: str) -> str:
    if said != OTHER_SIDE and did_of(said) != said:
        raise unfit("this names no agent", f"{OTHER_SIDE}, a DID without path or fragment, or a key in base58")
    return said


Peer = Annotated[str, Field(min_length=1, max_length=MAX_DID), AfterValidator(_is_peer)]


class ByDidcomm(Strict):
    """The keys of an endpoint that may tell an agent."""

    peer: Peer | None = Field(
        default=None,
        description="Whom it tells: other_side (of the connection that a report is about), a DID or a key.",
    )
    connection: Text | None = Field(default=None, description="Instead: the other side of this connection.")
    ends_connections: bool = Field(
        default=False, description="A report may be sent as connection/1.0/problem-report, if it came so."
    )
    body: BodyByDidcomm | None = Field(
        default=None, description="auto (what the agent understands), didcomm-2.0, aries-1.0 or hipe."
    )


def recipient_of(found: Any, tells: str | None) -> Recipient | None:
    """Whom an endpoint tells, as its keys say; None for an endpoint that tells no agent. Raises what `unfit` makes."""
    if tells is None:
        return None
    if found.peer is not None and found.connection is not None:
        raise unfit("peer and connection name two", "one of them", "leave one out")
    if tells != "always" and found.peer is None and found.connection is None:
        if found.ends_connections or found.body == AUTO:
            raise unfit("this endpoint tells no DIDComm agent", "peer or connection beside it", "add peer: other_side")
        return None
    did = None if found.peer == OTHER_SIDE else found.peer
    recipient = Recipient(did=did, connection=found.connection, ends_connections=found.ends_connections)
    if recipient.is_other_side and audience_of(found, recipient) != "peer":
        raise unfit(
            "whoever is the other side is a peer, and is told no more than a peer may know",
            "audience: peer, or the DID or connection of an agent of your own",
            "leave audience out, or name the agent",
        )
    if found.body is not None and found.body not in BODIES_BY_DIDCOMM:
        raise unfit(f"a DIDComm agent does not read {found.body}", f"one of {', '.join(BODIES_BY_DIDCOMM)}")
    return recipient


def audience_of(found: Any, recipient: Recipient | None) -> Audience:
    """Whose an endpoint is: an agent is a peer, unless it is said that it is our own."""
    said: Audience = found.audience
    return "peer" if recipient is not None and "audience" not in found.model_fields_set else said
