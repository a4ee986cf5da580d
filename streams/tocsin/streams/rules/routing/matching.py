"""Does a problem fit? Codes, categories and protocols by whole tokens, the rest as it is spelt, CEL for what else."""

from __future__ import annotations

from functools import cached_property, lru_cache
from typing import Any

from tocsin.connectors.dialects.codes import fold_code as fold_code
from tocsin.connectors.dialects.codes import has_token_prefix as has_token_prefix
from tocsin.connectors.dialects.message_types import MAX_TYPE
from tocsin.schemas.events import ThreadContext
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.routing.expression import facts_of, holds
from tocsin.streams.rules.rulebook import Match

UNKNOWN = "unknown"
"""What `trust` is compared with when nobody told of it."""

_NO_CONTEXT = ThreadContext(first_seen=0, last_seen=0)


class Asked:
    """What matches are asked of: one problem of a tenant, with its context. CEL's view of it is made at most once."""

    def __init__(self, problem: Problem, tenant: str, thread: ThreadContext = _NO_CONTEXT) -> None:
        self.problem, self.tenant, self.thread = problem, tenant, thread

    @cached_property
    def facts(self) -> dict[str, Any]:
        """For expressions."""
        return facts_of(self.problem, self.thread, self.tenant)

    @property
    def connection(self) -> str | None:
        """The connection, as the context knows it or the problem says."""
        return self.thread.connection or self.problem.source.connection

    @property
    def record_type(self) -> str | None:
        """The type of the record it is about."""
        return self.problem.source.record_type or self.thread.record_type


def matches(match: Match, problem: Problem, tenant: str, thread: ThreadContext = _NO_CONTEXT) -> bool:
    """Whether a problem of this tenant fits."""
    return fits(match, Asked(problem, tenant, thread))


def fits(match: Match, asked: Asked) -> bool:
    """Whether every list of `match` that is not empty has an entry that fits, and its expression holds. Total."""
    problem = asked.problem
    if match.tenants and asked.tenant not in match.tenants:
        return False
    if match.severities and problem.severity not in match.severities:
        return False
    if match.codes and not code_fits(problem, match.codes):
        return False
    if match.protocols and not _protocol_fits(asked, match.protocols):
        return False
    return _rest_fits(match, asked) and (not match.expr or holds(match.expr, asked.facts))


def _rest_fits(match: Match, asked: Asked) -> bool:
    if match.categories and not _category_fits(asked.problem.category, match.categories):
        return False
    if match.scopes and asked.problem.scope not in match.scopes:
        return False
    if match.trusts and (asked.thread.trust or UNKNOWN) not in match.trusts:
        return False
    if match.record_types and asked.record_type not in match.record_types:
        return False
    return not match.connections or asked.connection in match.connections


def code_fits(problem: Problem, prefixes: tuple[str, ...]) -> bool:
    """Whether one of `prefixes` is the verbatim code, or leading whole tokens of its key (REQUIREMENTS b.1 2)."""
    key = problem.code_key or fold_code(problem.code)
    for prefix in prefixes:  # noqa: SIM110 - a generator costs more than the comparison
        if has_token_prefix(key, fold_code(prefix)) or prefix == problem.code:
            return True
    return False


def protocol_of(problem: Problem) -> str | None:
    """The protocol that the problem is about, or that its message belongs to."""
    if problem.source.protocol:
        return problem.source.protocol
    if problem.message_type and "/" in problem.message_type:
        return problem.message_type.rsplit("/", 1)[0]
    return None


def _category_fits(category: str | None, wanted: tuple[str, ...]) -> bool:
    return category is not None and any(has_token_prefix(fold_code(category), fold_code(one)) for one in wanted)


def _protocol_fits(asked: Asked, wanted: tuple[str, ...]) -> bool:
    """By what the problem says itself; its report's own protocol (report-problem) says little, the thread's more."""
    for protocol in (protocol_of(asked.problem), asked.thread.protocol):
        if protocol is None:
            continue
        for one in wanted:
            if protocol_fits(protocol, one):
                return True
    return False


def protocol_fits(protocol: str, wanted: str) -> bool:
    """Whether `wanted` is the protocol or leading whole path segments of it, or names it without its authority.

    `https://didcomm.org/issue-credential`, `issue-credential/2.0` and `issue-credential` all fit
    `https://didcomm.org/issue-credential/2.0`.
    """
    fit = _path_fits if len(protocol) <= MAX_TYPE else _path_fits.__wrapped__
    return fit(protocol, wanted)


@lru_cache(maxsize=1024)  # asked for every event, and there are few protocols
def _path_fits(protocol: str, wanted: str) -> bool:
    if protocol == wanted or protocol.startswith(wanted + "/"):
        return True
    have, want = protocol.split("/"), wanted.split("/")
    return have[-2:] == want if len(want) == 2 else len(want) == 1 and len(have) > 1 and have[-2] == want[0]


def covers(wider: Match, match: Match) -> bool:
    """Whether everything that fits `match` surely fits `wider` too."""
    plain = ("tenants", "severities", "protocols", "scopes", "trusts", "record_types", "connections")
    return (
        all(_covers(getattr(wider, name), getattr(match, name)) for name in plain)
        and _tokens_covered(wider.codes, match.codes)
        and _tokens_covered(wider.categories, match.categories)
        and wider.expr in ("", match.expr)
    )


def disjoint(one: Match, other: Match) -> bool:
    """Whether surely nothing fits both. Expressions are not compared."""
    plain = ("tenants", "severities", "scopes", "trusts", "record_types", "connections")
    return (
        any(_apart(getattr(one, name), getattr(other, name)) for name in plain)
        or _tokens_apart(one.codes, other.codes)
        or _tokens_apart(one.categories, other.categories)
    )


def _apart(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    return bool(one) and bool(other) and not set(one) & set(other)


def _tokens_apart(one: tuple[str, ...], other: tuple[str, ...]) -> bool:
    # a URI is the whole code of a problem whose key is another name for it: the two cannot be compared
    if not one or not other or any("/" in code or ":" in code for code in one + other):
        return False
    return not any(_covered(mine, (theirs,)) or _covered(theirs, (mine,)) for mine in one for theirs in other)


def _covers(wider: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
    return not wider or (bool(narrow) and set(narrow) <= set(wider))


def _tokens_covered(wider: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
    return not wider or (bool(narrow) and all(_covered(one, wider) for one in narrow))


def _covered(code: str, prefixes: tuple[str, ...]) -> bool:
    return any(has_token_prefix(fold_code(code), fold_code(prefix)) for prefix in prefixes)
