"""The limit notice: one problem that says that a limit of errors was crossed (DIDComm v2, "Cascading Problems")."""

from __future__ import annotations

import msgspec

from tocsin.connectors.dialects.notification import HOPS
from tocsin.schemas.problem import Item, Problem, Severity, Source
from tocsin.streams.rules.context.threads import MAX_CODE
from tocsin.streams.rules.verdict import Limit, Verdict

MAX_ERRORS = "e.p.req.max-errors-exceeded"
"""The code of a limit notice, ours and everybody's."""

_TEMPLATE = "Maximum errors exceeded: {1} allows {2}. The last one was {3}."


def is_limit_notice(problem: Problem) -> bool:
    """Whether somebody says that a limit of errors was crossed."""
    return (problem.code_key or problem.code) == MAX_ERRORS


def limit_notice(problem: Problem, limit: Limit, allowed: int) -> Verdict:
    """Tell the limit notice in place of the problem by which `limit`, `allowed` times, is crossed: of the same thread
    and source, with the limit, the number, the last code; and how many buses that has passed, or limit notices would
    travel in rings for ever."""
    last = problem.code[:MAX_CODE]
    args = [limit.value, str(allowed), last]
    passed = problem.extensions.get(HOPS)
    instead = Problem(
        dialect="canonical",
        code=MAX_ERRORS,
        code_key=MAX_ERRORS,
        category="req",
        severity=Severity.ERROR,
        scope="protocol",
        thread_id=problem.thread_id,
        thread_id_derived=problem.thread_id_derived,
        parent_thread_id=problem.parent_thread_id,
        context_ids=list(problem.context_ids),
        text_template=_TEMPLATE,
        args=args,
        text=f"Maximum errors exceeded: {limit.value} allows {allowed}. The last one was {last}.",
        items=[Item(key=key, value=value) for key, value in zip(("limit", "allowed", "last_code"), args, strict=True)],
        source=problem.source,
        request_id=problem.request_id,
        extensions={} if passed is None else {HOPS: passed},
    )
    return Verdict(instead=instead, limit=limit)


def limit_notice_for_peer(problem: Problem, allowed: int) -> Problem:
    """The limit notice that a peer is sent: of our own it says no more than the protocol."""
    notice = limit_notice(problem, Limit.PEER_THREAD, allowed).instead
    assert notice is not None
    source = Source(protocol=notice.source.protocol)
    return msgspec.structs.replace(notice, source=source, request_id=None, context_ids=[])
