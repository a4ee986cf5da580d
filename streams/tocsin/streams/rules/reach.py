"""Which endpoints of the rules file may ever be told of a tenant's problems."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from tocsin.schemas.problem import Problem
from tocsin.streams.rules.config import Route, RuleBook
from tocsin.streams.rules.facts import Facts
from tocsin.streams.rules.match import Match, test_of

_ANY = Problem(dialect="tocsin", code="any")


def endpoints_within_reach(book: RuleBook, tenant: str) -> frozenset[str]:
    """The endpoints of the routes that a problem of this tenant can take, those of their escalation policies, and the
    default one; not those of routes that say that they are another tenant's."""
    routes = list(_open_to(book.routes, tenant))
    policies = [book.escalations[name] for route in routes if (name := route.escalate) in book.escalations and name]
    steps = (name for policy in policies for step in policy.steps for name in step.endpoints)
    beside = (policy.uri_endpoint for policy in policies if policy.uri_endpoint is not None)
    told = (name for route in routes for name in route.endpoints)
    return frozenset((book.default_endpoint, *told, *steps, *beside))


def _open_to(routes: Iterable[Route], tenant: str) -> Iterator[Route]:
    for route in routes:
        if not excludes(route.match, tenant):
            yield route
            yield from _open_to(route.routes, tenant)


def excludes(match: Match, tenant: str) -> bool:
    """Whether nothing of this tenant can fit, by what is said of tenants. Of an expression that says something of them
    that is taken for granted: whoever it is for may be a secret."""
    facts = Facts(_ANY, tenant)
    return "tenant" in match.expr or any(not test_of(one)(facts) for one in match.matchers if one.field == "tenant")
