"""The three duties when something goes wrong: log it, tell the peer as the table says, keep it on the bus (T1-T3)."""

from __future__ import annotations

import base64
import hashlib
import logging
import uuid
from collections.abc import Awaitable, Callable

import msgspec
from msgspec import Struct

from tocsin.connectors.dialects.canonical import complete
from tocsin.connectors.dialects.codes import MAX_CODE_LENGTH
from tocsin.connectors.dialects.context import MAX_CONTEXT
from tocsin.connectors.dialects.didcomm2 import write
from tocsin.connectors.dialects.json_text import json_text
from tocsin.connectors.dialects.members import MAX_ID_LENGTH, usable_id
from tocsin.connectors.mediation.deciding import Context, Decision, ForeignError, decide, text_of, within_bounds
from tocsin.connectors.mediation.recording import reply_observed
from tocsin.connectors.mediation.table import Action, ScenarioTable
from tocsin.connectors.publish.port import EventPublisher, Receipt
from tocsin.connectors.seen import SeenIds
from tocsin.schemas.events import ActivityObserved
from tocsin.schemas.problem import Problem, RetryParty, Severity, Source

MAX_KEPT_TEXT = 1024
"""Characters of an exception's text that are kept on the bus."""
MAX_KEPT_MESSAGE = 64 * 1024
"""Bytes of the message as it came that are kept on the bus; of a longer one, only its SHA-256."""
REPLAY = "G1"
"""The scenario of a message that came before."""

_LOG = logging.getLogger("tocsin.mediation")


def message_digest(encrypted: bytes | str) -> str:
    """The MsgID: SHA-256 of the message as it came, encrypted, in hexadecimal ("SHA-251" in the document is a slip)."""
    return hashlib.sha256(_bytes(encrypted)).hexdigest()


class Handled(Struct, frozen=True, kw_only=True):
    """What was decided and done. `document` is the report for the peer, a DIDComm v2 plaintext message without `id`;
    if `decision.synchronous`, the caller sends it in the exchange in which the message came. What is recorded is a
    `problem`, or of a reply an `activity`. `undispatched` and `unrecorded` hold what failed; both are logged too, and a
    failed dispatch is recorded."""

    decision: Decision
    request_id: str
    message_sha256: str | None
    problem: Problem | None = None
    document: dict[str, object] | None = None
    activity: ActivityObserved | None = None
    receipt: Receipt | None = None
    undispatched: Exception | None = None
    unrecorded: Exception | None = None


Dispatch = Callable[[Handled], Awaitable[None]]
"""Sends `document` to `decision.to`, encrypted, or signed if `decision.signed`. Only called when not synchronous."""


class Mediation:
    """A table at work in a mediator or agent. `escalate_to` is the deployment's address for complaints (T5), `replays`
    the store of `seen`; `left_to` is what the record says of a report that is not sent here without a `dispatch`;
    messages of more bytes than `keep` are not kept."""

    def __init__(
        self,
        table: ScenarioTable,
        publisher: EventPublisher,
        *,
        column: str = "current",
        escalate_to: str | None = None,
        service: str | None = None,
        dispatch: Dispatch | None = None,
        replays: SeenIds | None = None,
        left_to: str = "by the caller",
        keep: int = MAX_KEPT_MESSAGE,
    ) -> None:
        self.table = table
        self.publisher = publisher
        self.column = column
        self.escalate_to = escalate_to
        self.service = service
        self.dispatch = dispatch
        self.replays = replays
        self.left_to, self.keep = left_to, keep

    async def seen(
        self, encrypted: bytes | str, context: Context | None = None, *, request_id: str | None = None
    ) -> Handled | None:
        """None for a message that comes for the first time; one that came before is dealt with as a replay (G1). To be
        asked before anything is done with the message. Raises what the store raises, and ValueError without one."""
        if self.replays is None:
            raise ValueError("this mediation has no store of replays")
        if self.replays.is_new(message_digest(encrypted)):
            return None
        return await self.handle(REPLAY, context, encrypted=encrypted, request_id=request_id)

    async def handle(
        self,
        trouble: str | BaseException,
        context: Context | None = None,
        *,
        encrypted: bytes | str | None = None,
        request_id: str | None = None,
    ) -> Handled:
        """Decide about a scenario or an exception, and do it: log, dispatch, record, all under one request id and
        message digest. `encrypted` is the message as it came; without `request_id` there is a new one.

        What the peer is not told is recorded all the same, and a reply as an activity. Nothing that a peer can write is
        an exception, nor is a failure to dispatch or to record, because the caller still has to answer: see `Handled`.
        Raises UnknownScenario.
        """
        context = within_bounds(context or Context())
        decision = decide(self.table, trouble, context, column=self.column, escalate_to=self.escalate_to)
        handled = Handled(
            decision=decision,
            request_id=_name(request_id) or str(uuid.uuid4()),
            message_sha256=None if encrypted is None else message_digest(encrypted),
        )
        if decision.action is not Action.REPLY:
            problem = self._problem(handled, trouble, context)
            document = _document(problem, decision) if decision.action is Action.REPORT else None
            handled = msgspec.structs.replace(handled, problem=problem, document=document)
        _log(handled, trouble, context)
        handled, sent = await self._dispatch(handled)
        return await self._record(handled, trouble, context, sent, encrypted)

    async def _dispatch(self, handled: Handled) -> tuple[Handled, str]:
        """Send it, if it is ours to send; and how that went, for the record."""
        if handled.document is None:
            return handled, "nothing to send"
        if handled.decision.synchronous:
            return handled, "in the same exchange, by the caller"
        if self.dispatch is None:
            return handled, self.left_to
        try:
            await self.dispatch(handled)
        except Exception as error:  # whatever the transport raises, the problem must still be recorded
            _say(logging.ERROR, f"the report was not sent: {type(error).__name__}", handled, error)
            return msgspec.structs.replace(handled, undispatched=error), f"failed: {type(error).__name__}"
        return handled, "sent"

    async def _record(
        self,
        handled: Handled,
        trouble: str | BaseException,
        context: Context,
        sent: str,
        encrypted: bytes | str | None,
    ) -> Handled:
        if handled.problem is None:
            return await self._record_reply(handled, trouble, context, encrypted)
        kept: dict[str, object] = {"dispatch": sent}
        if handled.undispatched is not None:
            kept["dispatch_error"] = text_of(handled.undispatched)[:MAX_KEPT_TEXT]
        if handled.document is not None:
            kept["report"] = handled.document
        kept |= _message(encrypted, self.keep)
        problem = _with(handled.problem, kept)
        handled = msgspec.structs.replace(handled, problem=problem)
        return await self._publish(handled, problem, _key(handled, trouble, context))

    async def _record_reply(
        self, handled: Handled, trouble: str | BaseException, context: Context, encrypted: bytes | str | None
    ) -> Handled:
        more = {f"mediation.{name}": text for name, text in (_error(trouble) | _message(encrypted, self.keep)).items()}
        activity = reply_observed(
            handled.decision,
            context,
            tenant=self.publisher.tenant,
            key=_key(handled, trouble, context),
            digest=handled.message_sha256,
            detail={"request_id": handled.request_id} | more,
        )
        return await self._publish(msgspec.structs.replace(handled, activity=activity), activity, None)

    async def _publish(self, handled: Handled, what: Problem | ActivityObserved, key: str | None) -> Handled:
        try:
            receipt = await self.publisher.publish(what, idempotency_key=key)
        except Exception as error:  # the peer still waits for its answer, whatever the bus says
            noun = "problem" if isinstance(what, Problem) else "reply"
            _say(logging.ERROR, f"the {noun} was not recorded: {type(error).__name__}", handled, error)
            return msgspec.structs.replace(handled, unrecorded=error)
        return msgspec.structs.replace(handled, receipt=receipt)

    def _problem(self, handled: Handled, trouble: str | BaseException, context: Context) -> Problem:
        decision = handled.decision
        kept: dict[str, object] = {
            "scenario": decision.scenario_id,
            "behaviour": decision.behaviour,
            "action": str(decision.action),
        }
        kept |= _error(trouble)
        problem = Problem(
            dialect="canonical",
            code=decision.code[:MAX_CODE_LENGTH],
            text_template=decision.comment,
            args=decision.args if decision.comment else [],
            text=None if decision.comment else self.table.scenarios[decision.scenario].title,
            parent_thread_id=context.thread_id or context.message_id,
            ack=[context.message_id] if context.message_id else [],
            who_retries="you" if decision.retry is RetryParty.RECIPIENT else None,
            retry_party=decision.retry,
            escalation_uri=decision.escalate_to,
            source=Source(
                service=self.service,
                protocol=context.message_type,
                sender=_address(context.own),
                recipients=[each for each in map(_address, decision.to) if each],
            ),
            request_id=handled.request_id,
            message_sha256=handled.message_sha256,
        )
        return complete(_with(problem, kept))


def _with(problem: Problem, kept: dict[str, object]) -> Problem:
    more = {f"mediation.{name}": json_text(value) for name, value in kept.items()}
    return msgspec.structs.replace(problem, extensions=problem.extensions | more)


def _key(handled: Handled, trouble: str | BaseException, context: Context) -> str:
    """The same error of the same request has the same key; another error of that request has another."""
    error = [_class(trouble), text_of(trouble)] if isinstance(trouble, BaseException) else []
    about = [context.message_id, context.thread_id, context.sender, context.did]
    of = [handled.request_id, handled.message_sha256, handled.decision.scenario_id, error, about]
    return hashlib.sha256(json_text(of).encode()).hexdigest()


def _document(problem: Problem, decision: Decision) -> dict[str, object]:
    """The report for the peer. The code goes out as the table has it, also where it breaks the grammar: it is what
    peers know. A message of which nothing could be read is named by its digest, else `?` as real mediators do."""
    thread = usable_id(problem.parent_thread_id) or problem.message_sha256
    document = write(msgspec.structs.replace(problem, parent_thread_id=thread or "unread"))
    document["pthid"] = thread or "?"
    body = document["body"]
    assert isinstance(body, dict)
    body["code"] = decision.code
    if decision.comment is None:
        body.pop("comment", None)
    members = {"from": problem.source.sender, "to": decision.to or None}
    return document | {name: value for name, value in members.items() if value is not None}


def _error(trouble: str | BaseException) -> dict[str, str]:
    if not isinstance(trouble, BaseException):
        return {}
    return {"error": _class(trouble), "error_text": text_of(trouble)[:MAX_KEPT_TEXT]}


def _message(encrypted: bytes | str | None, keep: int) -> dict[str, str]:
    """The message as it came, if it is not too large to be kept."""
    if encrypted is None or len(encrypted) > keep:
        return {}
    return {"message_base64": base64.b64encode(_bytes(encrypted)).decode()}


def _bytes(encrypted: bytes | str) -> bytes:
    return encrypted.encode("utf-8", "surrogatepass") if isinstance(encrypted, str) else encrypted


def _name(request_id: str | None) -> str | None:
    """A request id may come from the peer: it is cut, and what would break a line of the log goes."""
    return "".join(each for each in request_id if each.isprintable())[:MAX_ID_LENGTH] if request_id else None


def _address(address: str | None) -> str | None:
    """As the record holds it: a DID that is a whole document is cut."""
    return address and address[:MAX_CONTEXT]


def _class(error: BaseException) -> str:
    if isinstance(error, ForeignError):
        return error.names[0][:MAX_CONTEXT] if error.names else "?"
    return f"{type(error).__module__}.{type(error).__qualname__}"


def _log(handled: Handled, trouble: str | BaseException, context: Context) -> None:
    decision = handled.decision
    if decision.action is Action.REPLY:
        level = logging.INFO
    else:
        warning = handled.problem is not None and handled.problem.severity is Severity.WARNING
        level = logging.WARNING if warning else logging.ERROR
    error = trouble if isinstance(trouble, BaseException) else None
    said = f"{decision.scenario_id}: {decision.behaviour}, {decision.action} {decision.code}"
    _say(level, said, handled, error, thid=context.thread_id)


def _say(level: int, message: str, handled: Handled, error: BaseException | None, **more: object) -> None:
    """Every line carries the request's id and the message's digest (T3), for plain formatters in its text."""
    marks = {"request_id": handled.request_id, "msg_sha256": handled.message_sha256}
    said = " ".join(f"{name}={value}" for name, value in marks.items() if value)
    plain = "".join(each if each.isprintable() else "?" for each in message)
    _LOG.log(level, "%s [%s]", plain, said, extra=marks | more, exc_info=error)
