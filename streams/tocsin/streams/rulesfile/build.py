"""From a checked file to the RuleBook: names that must exist, routes that can be reached, secrets fetched."""

from __future__ import annotations

from difflib import get_close_matches

from tocsin.streams.rules.route import covers
from tocsin.streams.rules.rulebook import Endpoint, Match, Route, RuleBook
from tocsin.streams.rulesfile.finding import Findings, Path
from tocsin.streams.rulesfile.model import MatchModel, RouteModel, RulesModel


def build(model: RulesModel, endpoints: dict[str, Endpoint], findings: Findings) -> RuleBook:
    """The rule book, and findings about what does not fit together; only to be used when `findings` has no error."""
    default = model.default_route.endpoint
    if default not in model.endpoints:
        _unknown_endpoint(("default_route",), default, model, findings)
    routes = _routes(model.routes, ("routes",), None, model, findings)
    if findings.failed:
        return RuleBook(endpoints=endpoints, default_endpoint=default, routes=routes)
    used = {default, *_endpoints_of(routes)}
    for name in model.endpoints:
        if name not in used:
            findings.warning(
                ("endpoints", name), f"no route leads to endpoint {name}", "name it in a route, or remove it"
            )
    return RuleBook(endpoints=endpoints, default_endpoint=default, routes=routes)


def _routes(
    models: list[RouteModel], path: Path, parent: tuple[str, ...] | None, model: RulesModel, findings: Findings
) -> tuple[Route, ...]:
    routes: list[Route] = []
    for number, each in enumerate(models):
        here = (*path, number)
        name = each.name or f"route-{number + 1}"
        if any(before.name == name for before in routes):
            findings.error((*here, "name"), f"two routes beside each other are named {name}", remedy="rename one")
        endpoints = _told(each, here, parent, model, findings)
        match = match_of(each.match)
        _reachable(match, here, name, routes, findings)
        inner = _routes(each.routes, (*here, "routes"), endpoints, model, findings)
        routes.append(Route(name=name, match=match, endpoints=endpoints, go_on=each.go_on, routes=inner))
    return tuple(routes)


def _told(
    route: RouteModel, here: Path, parent: tuple[str, ...] | None, model: RulesModel, findings: Findings
) -> tuple[str, ...]:
    if route.endpoints is None:
        if parent is None:
            findings.error(here, "this route tells nobody", "endpoints", "add endpoints")
        return parent or ()
    for position, name in enumerate(route.endpoints):
        if name not in model.endpoints:
            _unknown_endpoint((*here, "endpoints", position), name, model, findings)
    return tuple(route.endpoints)


def _reachable(match: Match, here: Path, name: str, before: list[Route], findings: Findings) -> None:
    for earlier in before:
        if not earlier.go_on and covers(earlier.match, match):
            message = f"route {name} is never reached: route {earlier.name} before it takes everything that it matches"
            findings.warning(here, message, f"put {name} first, or set continue: true on {earlier.name}")
            return


def _unknown_endpoint(path: Path, name: str, model: RulesModel, findings: Findings) -> None:
    guess = get_close_matches(name, model.endpoints, n=1)
    remedy = f"did you mean {guess[0]}?" if guess else f"add {name} under endpoints"
    findings.error(path, f"there is no endpoint {name}", f"one of {', '.join(model.endpoints)}", remedy)


def _endpoints_of(routes: tuple[Route, ...]) -> set[str]:
    found: set[str] = set()
    for route in routes:
        found |= set(route.endpoints) | _endpoints_of(route.routes)
    return found


def match_of(model: MatchModel) -> Match:
    """The pure form of a match."""
    return Match(
        codes=tuple(model.code),
        tenants=tuple(model.tenant),
        severities=tuple(model.severity),
        protocols=tuple(model.protocol),
    )
