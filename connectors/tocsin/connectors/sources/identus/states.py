"""The records of Identus Cloud Agent whose changes it sends, and the states that each passes (docs/agents.md#identus).

A state is on the way, the end, or a failure: then it is told with the code that the agent's own decision on problem
reports has for it (`mediation/tables/identus-agent.json`), whether or not the record says a failure besides.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

Side = Literal["own", "peer"]


class Failed(Struct, frozen=True):
    """What a record's state says that went wrong, and at whose side."""

    code: str
    text: str
    side: Side = "own"


class RecordKind(Struct, frozen=True, kw_only=True):
    """What the agent calls the members of one type of record. `done` are its last states when all goes well,
    `on_the_way` those before, `failed` those in which it stays. `connection` names the member with the connection,
    which of a connection is the record itself."""

    record_type: str
    record_id: str
    state: str
    protocol: str | None = None
    connection: str | None = None
    on_the_way: frozenset[str]
    done: frozenset[str]
    failed: Mapping[str, Failed] = {}

    @property
    def states(self) -> frozenset[str]:
        """Every state."""
        return self.on_the_way | self.done | self.failed.keys()


_EXPIRED = Failed("e.p.msg.invitation-expired", "The invitation has expired")
_REPORTED: Mapping[str, Failed] = {
    "ProblemReportSent": Failed("e.p.error", "The agent gave up, and reported a problem to the other side"),
    "ProblemReportReceived": Failed("e.p.error", "The other side gave up, and reported a problem", "peer"),
}
"""Before it is sent, a report is still on the way."""

_CONNECTION = RecordKind(
    record_type="connection",
    record_id="connectionId",
    state="state",
    protocol="https://atalaprism.io/mercury/connections/1.0",
    connection="connectionId",
    on_the_way=frozenset({
        "InvitationGenerated", "InvitationReceived", "ConnectionRequestPending", "ConnectionRequestSent",
        "ConnectionRequestReceived", "ConnectionResponsePending", "ProblemReportPending",
    }),
    done=frozenset({"ConnectionResponseSent", "ConnectionResponseReceived"}),
    failed={"InvitationExpired": _EXPIRED, **_REPORTED},
)  # fmt: skip
_ISSUANCE = RecordKind(
    record_type="issuance",
    record_id="recordId",
    state="protocolState",
    protocol="https://didcomm.org/issue-credential/3.0",
    connection="connectionId",
    on_the_way=frozenset({
        "InvitationGenerated", "OfferPending", "OfferSent", "OfferReceived", "RequestPending", "RequestGenerated",
        "RequestSent", "RequestReceived", "CredentialPending", "CredentialGenerated", "ProblemReportPending",
    }),
    done=frozenset({"CredentialSent", "CredentialReceived"}),
    failed={"InvitationExpired": _EXPIRED, **_REPORTED},
)  # fmt: skip
_PRESENTATION = RecordKind(
    record_type="presentation",
    record_id="presentationId",
    state="status",
    protocol="https://didcomm.atalaprism.io/present-proof/3.0",
    connection="connectionId",
    on_the_way=frozenset({
        "InvitationGenerated", "InvitationReceived", "ProposalPending", "ProposalSent", "ProposalReceived",
        "RequestPending", "RequestSent", "RequestReceived", "PresentationPending", "PresentationGenerated",
        "PresentationReceived", "ProblemReportPending",
    }),
    done=frozenset({"PresentationSent", "PresentationVerified", "PresentationAccepted"}),
    failed={
        "InvitationExpired": _EXPIRED,
        "ProposalRejected": Failed("e.p.req.rejected", "The proposal of a presentation was rejected"),
        "RequestRejected": Failed("e.p.req.rejected", "The request of a presentation was rejected"),
        "PresentationVerificationFailed": Failed("e.p.trust.verification-failed", "The presentation was not verified"),
        "PresentationRejected": Failed("e.p.req.rejected", "The presentation was rejected"),
        **_REPORTED,
    },
)  # fmt: skip
_DID = RecordKind(
    record_type="did",
    record_id="did",
    state="status",
    on_the_way=frozenset({"CREATED", "PUBLICATION_PENDING"}),
    done=frozenset({"PUBLISHED"}),
)

KINDS: Mapping[str, RecordKind] = {
    "ConnectionUpdated": _CONNECTION,
    "IssueCredentialRecordUpdated": _ISSUANCE,
    "PresentationUpdated": _PRESENTATION,
    "DIDStatusUpdated": _DID,
}
"""By the type of the event."""
