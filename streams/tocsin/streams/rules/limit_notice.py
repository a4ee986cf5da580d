"""The limit notice: one problem that says that a limit of errors was crossed (DIDComm v2, "Cascading Problems")."""

from __future__ import annotations

import msgspec

from tocsin.connectors.catalogue.limits import MAX_ERRORS
from tocsin.connectors.dialects.notification import HOPS
from tocsin.connectors.dialects.template import interpolate
from tocsin.schemas.problem import Item, Problem, Severity, Source
from tocsin.streams.rules.context.threads import MAX_CODE
from tocsin.streams.rules.verdict import Limit, Verdict

_TEMPLATE = "Maximum errors exceeded: {1} allows {2}. The last one was {3}."


def limit_notice(problem: Problem, limit: Limit, allowed: int) -> Verdict:
    """Tell the limit notice in place of the problem by which `limit`, `allowed` times, is crossed: of the same thread
    and source, with the limit, the number, the last code; and how many buses that has passed, or limit notices would
    travel in rings for ever."""
    args = [limit.value, str(allowed), problem.code[:MAX_CODE]]
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
        text=interpolate(_TEMPLATE, args),
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
