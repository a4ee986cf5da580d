"""The three duties when something goes wrong: log it, tell the peer as the table says, keep it on the bus (T1-T3)."""

from __future__ import annotations

import hashlib
import logging
import uuid
from collections.abc import Awaitable, Callable

import msgspec
from msgspec import Struct

from tocsin.connectors.dialects.canonical import complete
from tocsin.connectors.dialects.didcomm2 import write
from tocsin.connectors.dialects.json_text import json_text
from tocsin.connectors.mediation.deciding import Context, Decision, decide
from tocsin.connectors.mediation.table import Action, ScenarioTable
from tocsin.connectors.publish.errors import PublishFailed
from tocsin.connectors.publish.port import EventPublisher, Receipt
from tocsin.schemas.errors import Unencodable
from tocsin.schemas.problem import Problem, RetryParty, Severity, Source

MAX_KEPT_TEXT = 1024
"""Characters of an exception's text that are kept on the bus."""

_LOG = logging.getLogger("tocsin.mediation")


def message_digest(encrypted: bytes) -> str:
    """The MsgID: SHA-256 of the message as it came, encrypted, in hexadecimal ("SHA-251" in the document is a slip)."""
    return hashlib.sha256(encrypted).hexdigest()


class Handled(Struct, frozen=True, kw_only=True):
    """What was decided and done. `document` is the report for the peer, a DIDComm v2 plaintext message without `id`;
    if `decision.synchronous`, the caller sends it in the exchange in which the message came. `undispatched` and
    `unrecorded` hold what failed; both are logged too."""

    decision: Decision
    request_id: str
    message_sha256: str | None
    problem: Problem | None = None
    document: dict[str, object] | None = None
    receipt: Receipt | None = None
    undispatched: Exception | None = None
    unrecorded: Exception | None = None


Dispatch = Callable[[Handled], Awaitable[None]]
"""Sends `document` to `decision.to`, encrypted, or signed if `decision.signed`. Only called when not synchronous."""


class Mediation:
    """A table at work in a mediator or agent. `escalate_to` is the deployment's address for complaints (T5)."""

    def __init__(
        self,
        table: ScenarioTable,
        publisher: EventPublisher,
        *,
        column: str = "current",
        escalate_to: str | None = None,
        service: str | None = None,
        dispatch: Dispatch | None = None,
    ) -> None:
        self.table = table
        self.publisher = publisher
        self.column = column
        self.escalate_to = escalate_to
        self.service = service
        self.dispatch = dispatch

    async def handle(
        self,
        trouble: str | BaseException,
        context: Context | None = None,
        *,
        encrypted: bytes | None = None,
        request_id: str | None = None,
    ) -> Handled:
        """Decide about a scenario or an exception, and do it: log, dispatch, record, all under one request id and
        message digest. `encrypted` is the message as it came; without `request_id` there is a new one.

        What the peer is not told is recorded all the same; a reply is only logged. A failure to dispatch or to record
        is no exception, the caller still has to answer: see `Handled`. Raises UnknownScenario.
        """
        context = context or Context()
        decision = decide(self.table, trouble, context, column=self.column, escalate_to=self.escalate_to)
        handled = Handled(
            decision=decision,
            request_id=request_id or str(uuid.uuid4()),
            message_sha256=None if encrypted is None else message_digest(encrypted),
        )
        if decision.action is not Action.REPLY:
            problem = self._problem(handled, trouble, context)
            document = _document(problem, decision) if decision.action is Action.REPORT else None
            handled = msgspec.structs.replace(handled, problem=problem, document=document)
        _log(handled, trouble, context)
        handled = await self._dispatch(handled)
        return await self._record(handled)

    async def _dispatch(self, handled: Handled) -> Handled:
        if self.dispatch is None or handled.document is None or handled.decision.synchronous:
            return handled
        try:
            await self.dispatch(handled)
        except Exception as error:  # whatever the transport raises, the problem must still be recorded
            _LOG.error("the report was not sent: %s", type(error).__name__, extra=_marks(handled), exc_info=error)
            return msgspec.structs.replace(handled, undispatched=error)
        return handled

    async def _record(self, handled: Handled) -> Handled:
        if handled.problem is None:
            return handled
        key = f"{handled.request_id}/{handled.message_sha256 or ''}/{handled.decision.scenario_id}"
        try:
            receipt = await self.publisher.publish(handled.problem, idempotency_key=key)
        except (PublishFailed, Unencodable) as error:
            _LOG.error("the problem was not recorded: %s", error, extra=_marks(handled))
            return msgspec.structs.replace(handled, unrecorded=error)
        return msgspec.structs.replace(handled, receipt=receipt)

    def _problem(self, handled: Handled, trouble: str | BaseException, context: Context) -> Problem:
        decision = handled.decision
        kept = {"scenario": decision.scenario_id, "behaviour": decision.behaviour, "action": str(decision.action)}
        if isinstance(trouble, BaseException):
            kept["error"] = f"{type(trouble).__module__}.{type(trouble).__qualname__}"
            kept["error_text"] = str(trouble)[:MAX_KEPT_TEXT].encode("utf-8", "replace").decode()
        return complete(
            Problem(
                dialect="canonical",
                code=decision.code,
                text_template=decision.comment,
                args=decision.args if decision.comment else [],
                text=None if decision.comment else self.table.scenarios[decision.scenario].title,
                parent_thread_id=context.thread_id or context.message_id,
                ack=[context.message_id] if context.message_id else [],
                who_retries="you" if decision.retry is RetryParty.RECIPIENT else None,
                retry_party=decision.retry,
                escalation_uri=decision.escalate_to,
                source=Source(
                    service=self.service, protocol=context.message_type, sender=context.own, recipients=decision.to
                ),
                request_id=handled.request_id,
                message_sha256=handled.message_sha256,
                extensions={f"mediation.{name}": json_text(value) for name, value in kept.items()},
            )
        )


def _document(problem: Problem, decision: Decision) -> dict[str, object]:
    """The report for the peer. The code goes out as the table has it, also where it breaks the grammar: it is what
    peers know. A message of which nothing could be read is named by its digest, else `?` as real mediators do."""
    thread = problem.parent_thread_id or problem.message_sha256 or "?"
    document = write(msgspec.structs.replace(problem, parent_thread_id=thread))
    body = document["body"]
    assert isinstance(body, dict)
    body["code"] = decision.code
    if decision.comment is None:
        body.pop("comment", None)
    members = {"from": problem.source.sender, "to": decision.to or None}
    return document | {name: value for name, value in members.items() if value is not None}


def _log(handled: Handled, trouble: str | BaseException, context: Context) -> None:
    decision = handled.decision
    if decision.action is Action.REPLY:
        level = logging.INFO
    else:
        warning = handled.problem is not None and handled.problem.severity is Severity.WARNING
        level = logging.WARNING if warning else logging.ERROR
    error = trouble if isinstance(trouble, BaseException) else None
    said = (decision.scenario_id, decision.behaviour, decision.action, decision.code)
    marks = _marks(handled) | {"thid": context.thread_id}
    _LOG.log(level, "%s: %s, %s %s", *said, extra=marks, exc_info=error)


def _marks(handled: Handled) -> dict[str, object]:
    """What every line of the log carries (T3)."""
    return {"request_id": handled.request_id, "msg_sha256": handled.message_sha256}
