"""Who is told: the routing tree, with Alertmanager's semantics (depth first, first match wins unless `continue`)."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache

from msgspec import Struct

from tocsin.schemas.problem import Problem
from tocsin.streams.rules.rulebook import Match, Route, RuleBook


class Routing(Struct, frozen=True):
    """Where a problem goes and why: `routes` are the paths of the routes that matched, for people to read."""

    endpoints: tuple[str, ...]
    routes: tuple[str, ...]
    unrouted: bool = False


def route(book: RuleBook, problem: Problem, tenant: str) -> Routing:
    """The endpoints to tell, each once, in the order of the file; the default endpoint when no route matches."""
    found = list(_matching(book.routes, problem, tenant, ""))
    if not found:
        return Routing((book.default_endpoint,), (), unrouted=True)
    endpoints = dict.fromkeys(name for _, matched in found for name in matched.endpoints)
    return Routing(tuple(endpoints), tuple(path for path, _ in found))


def _matching(routes: tuple[Route, ...], problem: Problem, tenant: str, above: str) -> Iterator[tuple[str, Route]]:
    for candidate in routes:
        if not matches(candidate.match, problem, tenant):
            continue
        path = f"{above}{candidate.name}"
        inner = list(_matching(candidate.routes, problem, tenant, path + "/"))
        yield from inner or [(path, candidate)]
        if not candidate.go_on:
            return


def matches(match: Match, problem: Problem, tenant: str) -> bool:
    """Whether a problem of this tenant fits."""
    if match.tenants and tenant not in match.tenants:
        return False
    if match.severities and problem.severity not in match.severities:
        return False
    if match.codes and not _code_fits(problem, match.codes):
        return False
    return not match.protocols or _protocol_fits(problem, match.protocols)


def _code_fits(problem: Problem, prefixes: tuple[str, ...]) -> bool:
    """Whether one of `prefixes` is the verbatim code, or leading whole tokens of its key (REQUIREMENTS b.1 2)."""
    key = problem.code_key or fold_code(problem.code)
    for prefix in prefixes:  # noqa: SIM110 - a generator costs more than the comparison
        if has_token_prefix(key, fold_code(prefix)) or prefix == problem.code:
            return True
    return False


def has_token_prefix(code: str, prefix: str) -> bool:
    """Whether the dotted `code` starts with all tokens of `prefix`: `e.p.xfer` fits `e.p.xfer.x`, not `e.p.xferx`."""
    return bool(prefix) and code.startswith(prefix) and (len(code) == len(prefix) or code[len(prefix)] == ".")


@lru_cache(maxsize=4096)
def fold_code(code: str) -> str:
    """A code in the spelling that is compared: case folded, `_` as `-`, trimmed (REQUIREMENTS b.1 2)."""
    return code.strip().casefold().replace("_", "-")


def protocol_of(problem: Problem) -> str | None:
    """The protocol that the problem is about, or that its message belongs to."""
    if problem.source.protocol:
        return problem.source.protocol
    if problem.message_type and "/" in problem.message_type:
        return problem.message_type.rsplit("/", 1)[0]
    return None


def _protocol_fits(problem: Problem, wanted: tuple[str, ...]) -> bool:
    protocol = protocol_of(problem)
    return protocol is not None and any(protocol_fits(protocol, one) for one in wanted)


def protocol_fits(protocol: str, wanted: str) -> bool:
    """Whether `wanted` is the protocol or leading whole path segments of it, or names it without its authority.

    `https://didcomm.org/issue-credential`, `issue-credential/2.0` and `issue-credential` all fit
    `https://didcomm.org/issue-credential/2.0`.
    """
    if protocol == wanted or protocol.startswith(wanted + "/"):
        return True
    have, want = protocol.split("/"), wanted.split("/")
    return have[-2:] == want if len(want) == 2 else len(want) == 1 and len(have) > 1 and have[-2] == want[0]


def covers(wider: Match, match: Match) -> bool:
    """Whether everything that fits `match` surely fits `wider` too."""
    return (
        _covers(wider.tenants, match.tenants)
        and _covers(wider.severities, match.severities)
        and _covers(wider.protocols, match.protocols)
        and (not wider.codes or (bool(match.codes) and all(_code_covered(code, wider.codes) for code in match.codes)))
    )


def _covers(wider: tuple[str, ...], narrow: tuple[str, ...]) -> bool:
    return not wider or (bool(narrow) and set(narrow) <= set(wider))


def _code_covered(code: str, prefixes: tuple[str, ...]) -> bool:
    return any(has_token_prefix(fold_code(code), fold_code(prefix)) for prefix in prefixes)
