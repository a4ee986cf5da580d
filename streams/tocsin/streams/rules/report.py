"""A problem report in flight: on its way through the stages of `decide`."""

from __future__ import annotations

import re
from collections.abc import Mapping

import msgspec
from msgspec import Struct

from tocsin.connectors.dialects.codes import fold_code
from tocsin.schemas.events import ProblemReported, ThreadContext
from tocsin.schemas.ids import derived_id
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.addressee import Addressee
from tocsin.streams.rules.config import Route
from tocsin.streams.rules.facts import NO_CONTEXT, Facts, is_stated
from tocsin.streams.rules.state import ThreadRow
from tocsin.streams.rules.trust import apart, is_apart, is_claimed
from tocsin.streams.rules.verdict import Limit, Reason, Verdict


class Matched(Struct, frozen=True):
    """A route that takes a report: its path of names, and whether it or one around it names the very code."""

    path: str
    route: Route
    names_code: bool


class Waiting(Struct, frozen=True, kw_only=True):
    """Why a matched route does not tell now, and the digest (`group`) that does: at `until`, then every `interval`
    (microseconds; 0: once)."""

    reason: Reason
    detail: str
    group: str
    until: int
    interval: int = 0


NOBODY: Mapping[str, Addressee] = {}
"""No endpoint tells by DIDComm."""


class Report:
    """One report with what was found out about it so far.

    `reported` is the event that came, `reported_case` its case; `event`, `problem` and `case` are what is told: the
    same, or the limit notice in its place, and then `limit` says which limit it crosses; `facts` is what matchers are
    asked of. The rest stays that of the report: `context` is what is known of its thread, `counted` the row on which it
    was counted there; `peer` the other side (the
    connection, else the sender); `thread` the thread whose budgets it uses: the one that it states, else the one that
    its ids led to; a report in no thread but its own message's is about its parent thread, known or not (DIDComm v2:
    `pthid` is the thread in which the problem occurred); and one about another report is about the thread of that one
    (`context.chains`).

    Routing adds: `matched` (routes), `subscribed` (endpoints made while running that want it, whatever the routes
    say), `waiting` (path of a matched route -> why it does not tell now), `endpoints` (who
    is told), `over_limit` (those of them that get a limit notice instead), `left_out` (why peers are told nothing).
    """

    __slots__ = (
        "addressees", "case", "context", "counted", "endpoints", "event", "facts", "identity", "left_out", "limit",
        "matched", "over_limit", "peer", "problem", "reported", "reported_case", "subscribed", "tenant",
        "thread", "waiting",
    )  # fmt: skip

    def __init__(self, event: ProblemReported, case: str | None = None, context: ThreadContext = NO_CONTEXT) -> None:
        self.reported = self.event = event
        self.problem: Problem = event.problem
        self.tenant = event.tenant
        self.case = self.reported_case = case_of(event) if case is None else case
        self.limit: Limit | None = None
        self.counted: ThreadRow | None = None
        self.identity = ""
        self.matched: list[Matched] = []
        self.subscribed: tuple[str, ...] = ()
        self.waiting: dict[str, Waiting] = {}
        self.endpoints: tuple[str, ...] = ()
        self.over_limit: tuple[str, ...] = ()
        self.left_out = ""
        self.addressees: Mapping[str, Addressee] = NOBODY
        self.explain(context)

    def explain(self, context: ThreadContext) -> None:
        """Add what is known of its thread."""
        source = self.problem.source
        self.context = context
        self.peer = context.connection or source.connection or source.sender
        self.thread = _thread_of(self.problem, context)
        self.facts = Facts(self.problem, self.tenant, context, self.peer)

    def tell_instead(self, verdict: Verdict) -> None:
        """From now on it stands for the limit notice that is told in its place, under its event id."""
        assert verdict.instead is not None
        assert verdict.limit is not None
        self.limit, self.problem = verdict.limit, verdict.instead
        self.event = msgspec.structs.replace(self.reported, problem=verdict.instead)
        if not verdict.limit.in_its_thread:  # what it is worth stays
            self.context, self.thread = msgspec.structs.replace(NO_CONTEXT, trust=self.context.trust), None
        self.case = case_of(self.event)
        self.facts = Facts(self.problem, self.tenant, self.context, self.peer)

    @property
    def lane(self) -> str | None:
        """The thread in whose order its notifications are delivered: the one of its budgets, else that of its own
        message."""
        lane = self.thread or self.problem.thread_id
        return apart(lane) if lane and is_claimed(self.problem) and not is_apart(lane) else lane

    @property
    def telling(self) -> list[Matched]:
        """The matched routes that tell now."""
        return [one for one in self.matched if one.path not in self.waiting] if self.waiting else self.matched

    @property
    def policies(self) -> tuple[str, ...]:
        """The escalation policies of the routes that tell now."""
        named = [one.route.escalate for one in self.telling if one.route.escalate is not None]
        return tuple(dict.fromkeys(named)) if named else ()


def _thread_of(problem: Problem, context: ThreadContext) -> str | None:
    if is_stated(problem):
        return problem.thread_id
    found = context.thread_id
    return found if found is not None and found != problem.thread_id else problem.parent_thread_id


def case_of(event: ProblemReported) -> str:
    """The id of a report's case: one for each code of a thread; without a thread one for what is alike, and one for
    each report that names a message or a record. It never changes; what becomes known later is added to the case.

    A report that is in no thread but its own message's is about its parent thread: in DIDComm v2 that is the one in
    which the problem occurred, and the same problem again is the same case.
    """
    problem = event.problem
    thread = problem.thread_id if is_stated(problem) else problem.parent_thread_id or problem.thread_id
    about = thread or _instead_of_a_thread(event)
    if is_claimed(problem):
        about = apart(about)
    return case_id(event.tenant, about, problem.code_key or fold_code(problem.code))


_RUN, _DIGIT = re.compile(r"[0-9a-f-]+", re.IGNORECASE), re.compile(r"[0-9]")
_LOOKED_AT = 4096
"""Characters of a text that tell whether two reports are alike."""


def _without_numbers(text: str) -> str:
    """A text without its numbers, ids and times: what differs between two reports of the same problem. Each run of
    hexadecimal digits is looked at twice, whatever strangers wrote: one expression for both looks is quadratic."""
    return _RUN.sub(lambda run: "0" if _DIGIT.search(run[0]) else run[0], text[:_LOOKED_AT])


def _instead_of_a_thread(event: ProblemReported) -> str:
    """What two reports without a thread have in common if they are about the same: who reports what of whom, in the
    same words but for numbers and ids. One that names a message or a record has nothing in common with another."""
    problem, source = event.problem, event.problem.source
    named = source.record_id or problem.message_sha256 or problem.request_id
    if named or problem.ack or problem.context_ids:
        return event.event_id
    told = _without_numbers(problem.text_template or problem.text or "")
    about = (
        source.service, source.wallet, source.connection, source.sender, source.record_type, source.job,
        problem.severity, problem.scope, problem.impact, told,
    )  # fmt: skip
    return derived_id("alike", *(one or "" for one in about))


def case_id(tenant: str, thread: str, code_key: str) -> str:
    """The case of a thread (or of what stands for it, where there is none) and a code as it is compared."""
    return derived_id("case", tenant, thread, code_key)
