"""The last word on a thread: one problem that says that a limit was crossed (DIDComm v2, "Cascading Problems")."""

from __future__ import annotations

from tocsin.schemas.problem import Item, Problem, Severity
from tocsin.streams.rules.heard import Heard
from tocsin.streams.rules.loops.hops import EXTENSION
from tocsin.streams.rules.loops.verdict import Replaced

MAX_ERRORS = "e.p.req.max-errors-exceeded"
"""The code of a last word, ours and everybody's."""

MAX_CODE = 128
"""Characters of the last code that it quotes."""

_TEMPLATE = "Maximum errors exceeded: {1} allows {2}. The last one was {3}."


def is_last_word(problem: Problem) -> bool:
    """Whether somebody says that a limit of errors was crossed."""
    return (problem.code_key or problem.code) == MAX_ERRORS


def last_word(heard: Heard, limit: str, allowed: int) -> Replaced:
    """The problem that takes the place of the one by which `limit` (a name of LoopLimits), `allowed` times, is crossed:
    the same thread and source, which limit, how many, the last code; and how many buses it has passed, or a last word
    would travel in rings for ever."""
    problem = heard.problem
    last = problem.code[:MAX_CODE]
    args = [limit, str(allowed), last]
    passed = problem.extensions.get(EXTENSION)
    replacement = Problem(
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
        text=f"Maximum errors exceeded: {limit} allows {allowed}. The last one was {last}.",
        items=[Item(key=key, value=value) for key, value in zip(("limit", "allowed", "last_code"), args, strict=True)],
        source=problem.source,
        request_id=problem.request_id,
        extensions={} if passed is None else {EXTENSION: passed},
    )
    return Replaced(replacement, limit)
