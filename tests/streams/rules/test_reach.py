"""Which endpoints of a rules file a tenant's problems may ever reach."""

from __future__ import annotations

import pytest

from tocsin.schemas.events import MatchOperator
from tocsin.streams.rules.config import Endpoint, Route, RuleBook
from tocsin.streams.rules.match import Match, Matcher
from tocsin.streams.rules.policies import EscalationPolicy, Step
from tocsin.streams.rules.reach import endpoints_within_reach

EQUAL, NOT_EQUAL, MATCHES = MatchOperator.EQUAL, MatchOperator.NOT_EQUAL, MatchOperator.MATCHES


def _of(operator: MatchOperator, *tenants: str) -> Match:
    return Match([Matcher("tenant", operator, tenants)])


ROUTES: dict[str, tuple[Route, set[str]]] = {
    "of everybody": (Route(endpoints=("e",)), {"e"}),
    "of a code": (Route(match=Match([Matcher("code", EQUAL, ("x",))]), endpoints=("e",)), {"e"}),
    "of this tenant": (Route(match=_of(EQUAL, "acme", "globex"), endpoints=("e",)), {"e"}),
    "of another": (Route(match=_of(EQUAL, "globex"), endpoints=("e",)), set()),
    "of all but this one": (Route(match=_of(NOT_EQUAL, "acme"), endpoints=("e",)), set()),
    "of all but another": (Route(match=_of(NOT_EQUAL, "globex"), endpoints=("e",)), {"e"}),
    "by a pattern that fits": (Route(match=_of(MATCHES, "a.*"), endpoints=("e",)), {"e"}),
    "by a pattern that does not": (Route(match=_of(MATCHES, "g.*"), endpoints=("e",)), set()),
    "an expression about tenants": (Route(match=Match((), 'tenant == "acme"'), endpoints=("e",)), set()),
    "another expression": (Route(match=Match((), "problem.http.status == 500"), endpoints=("e",)), {"e"}),
    "nested in another's": (
        Route(match=_of(EQUAL, "globex"), routes=(Route(endpoints=("e",)),), endpoints=("f",)),
        set(),
    ),
    "nested in everybody's": (
        Route(routes=(Route(match=_of(EQUAL, "globex"), endpoints=("e",)),), endpoints=("f",)),
        {"f"},
    ),
    "escalated": (Route(endpoints=("e",), escalate="night"), {"e", "pager"}),
    "escalated by another's": (Route(match=_of(EQUAL, "globex"), endpoints=("e",), escalate="night"), set()),
}


@pytest.mark.parametrize(("route", "reached"), ROUTES.values(), ids=ROUTES)
def test_what_is_reached(route: Route, reached: set[str]) -> None:
    names = ("d", "e", "f", "pager")
    book = RuleBook(
        endpoints={name: Endpoint(name=name, sink="log") for name in names},
        default_endpoint="d",
        routes=(route,),
        escalations={"night": EscalationPolicy(steps=(Step(wait=1, endpoints=("pager",)),))},
    )
    assert endpoints_within_reach(book, "acme") == {"d", *reached}
