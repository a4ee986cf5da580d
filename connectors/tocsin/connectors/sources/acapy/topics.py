"""The topics of ACA-Py's webhooks, as tables: docs/agents.md shows them."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from tocsin.schemas.events import ActivityKind

PROBLEM_REPORT = "problem_report"
"""The topic of reports that no protocol of ACA-Py takes: the raw message."""

_PROTOCOLS = "https://didcomm.org/"


class RecordTopic(Struct, frozen=True, kw_only=True):
    """A topic whose body is a record: the members that hold its id (the first that is there), its thread, the thread
    above and its connection; its protocol; and the code of a problem of which nothing else says one."""

    ids: tuple[str, ...]
    threads: tuple[str, ...] = ("thread_id",)
    parents: tuple[str, ...] = ("parent_thread_id",)
    connection: str = "connection_id"
    protocol: str | None = None
    code: str | None = None


class MessageTopic(Struct, frozen=True, kw_only=True):
    """A topic whose body tells of a message: its type by the `state` that the body says, `""` for any other."""

    types: Mapping[str, str]
    kind: ActivityKind = ActivityKind.MESSAGE_RECEIVED


def _messages(other: str, **of_state: str) -> MessageTopic:
    return MessageTopic(types={state: _PROTOCOLS + text for state, text in {"": other, **of_state}.items()})


_ISSUE = RecordTopic(ids=("cred_ex_id",), protocol=f"{_PROTOCOLS}issue-credential/2.0", code="issuance-abandoned")
_PROVE = RecordTopic(ids=("pres_ex_id",), protocol=f"{_PROTOCOLS}present-proof/2.0", code="abandoned")

RECORDS: Mapping[str, RecordTopic] = {
    "connections": RecordTopic(
        ids=("connection_id",), threads=("request_id", "invitation_msg_id"), parents=("invitation_msg_id",),
        protocol=f"{_PROTOCOLS}didexchange/1.1",
    ),
    "out_of_band": RecordTopic(
        ids=("oob_id",), threads=("reuse_msg_id", "attach_thread_id", "invi_msg_id"), parents=("invi_msg_id",),
        protocol=f"{_PROTOCOLS}out-of-band/1.1",
    ),
    "issue_credential_v2_0": _ISSUE,
    "issue_credential": RecordTopic(
        ids=("credential_exchange_id",), protocol=f"{_PROTOCOLS}issue-credential/1.0", code="issuance-abandoned"
    ),
    "present_proof_v2_0": _PROVE,
    "present_proof": RecordTopic(
        ids=("presentation_exchange_id",), protocol=f"{_PROTOCOLS}present-proof/1.0", code="abandoned"
    ),
    "mediation": RecordTopic(
        ids=("mediation_id",), protocol=f"{_PROTOCOLS}coordinate-mediation/1.0", code="mediation-denied"
    ),
    "endorse_transaction": RecordTopic(ids=("transaction_id",), code="transaction-refused"),
    "revocation_registry": RecordTopic(ids=("record_id", "revoc_reg_id")),
    "issuer_cred_rev": RecordTopic(ids=("record_id",)),
    "discover_feature": RecordTopic(
        ids=("discovery_exchange_id",), protocol=f"{_PROTOCOLS}discover-features/1.0"
    ),
    "discover_feature_v2_0": RecordTopic(
        ids=("discovery_exchange_id",), protocol=f"{_PROTOCOLS}discover-features/2.0"
    ),
    "oob_invitation": RecordTopic(ids=("invitation_id",), threads=("invi_msg_id",), parents=()),
    "issue_credential_v2_0_indy": RecordTopic(ids=("cred_ex_indy_id", "cred_ex_id")),
    "issue_credential_v2_0_anoncreds": RecordTopic(ids=("cred_ex_anoncreds_id", "cred_ex_id")),
    "issue_credential_v2_0_ld_proof": RecordTopic(ids=("cred_ex_ld_proof_id", "cred_ex_id")),
    "forward": RecordTopic(
        ids=("connection_id",), protocol=f"{_PROTOCOLS}routing/1.0", code="forward-undeliverable"
    ),
    "connection_reuse": RecordTopic(ids=("connection_id",), protocol=f"{_PROTOCOLS}out-of-band/1.1"),
    "connection_reuse_accepted": RecordTopic(
        ids=("connection_id",), protocol=f"{_PROTOCOLS}out-of-band/1.1", code="reuse-not-accepted"
    ),
}  # fmt: skip
"""Topics whose webhooks are records, or tell of one."""

SAME_RECORD = {"connection_reuse": "connections", "connection_reuse_accepted": "connections", "forward": "connections"}
"""Topics that tell of a record of another topic, whose state theirs is not."""

FAILED: frozenset[str] = frozenset(
    {
        "abandoned", "denied", "error", "reuse-not-accepted", "rejected", "declined", "transaction_refused",
        "transaction_cancelled", "undeliverable",
    }
)  # fmt: skip
"""States in which something went wrong; an `error_msg` says so in any state."""

OPENED = frozenset({"completed", "active"})
"""States of a connection from which on it can be used."""

MESSAGES: Mapping[str, MessageTopic] = {
    "basicmessages": _messages("basicmessage/1.0/message"),
    "ping": _messages("trust_ping/1.0/ping", response_received="trust_ping/1.0/ping_response"),
    "actionmenu": _messages("action-menu/1.0/menu"),
    "get-active-menu": _messages("action-menu/1.0/menu-request"),
    "perform-menu-action": _messages("action-menu/1.0/perform"),
    "keylist": _messages("coordinate-mediation/1.0/keylist-update"),
    "revocation-notification": _messages("revocation_notification/1.0/revoke"),
    "revocation-notification-v2": _messages("revocation_notification/2.0/revoke"),
}
"""Topics whose webhooks tell of a message that came."""

TOPICS = frozenset({PROBLEM_REPORT, *RECORDS, *MESSAGES})
"""Every topic that is known."""
