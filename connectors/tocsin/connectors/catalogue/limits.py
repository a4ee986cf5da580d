"""Limit notices: one code for all of them, and an entry of the catalogue for each limit, as each means something else.

The code is DIDComm's ("Cascading Problems") and travels as it is; the entry's own code, such as
`e.p.req.max-errors-exceeded.tenant-cases`, is only the name by which the catalogue is asked.
"""

from __future__ import annotations

from tocsin.schemas.problem import Problem

MAX_ERRORS = "e.p.req.max-errors-exceeded"
"""The code of a limit notice, ours and everybody's."""


def is_limit_notice(problem: Problem) -> bool:
    """Whether somebody says that a limit of errors was crossed."""
    return (problem.code_key or problem.code) == MAX_ERRORS


def limit_of(problem: Problem) -> str | None:
    """Which limit a limit notice of a bus names, such as `tenant_cases`; None: it is none."""
    ours = problem.dialect == "canonical" and problem.args and is_limit_notice(problem)
    return problem.args[0] if ours else None


def code_to_explain(problem: Problem) -> str:
    """The code by which the catalogue is asked about a problem."""
    limit = limit_of(problem)
    return problem.code if limit is None else f"{MAX_ERRORS}.{limit.replace('_', '-')}"
