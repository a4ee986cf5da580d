"""From a checked file to the RuleBook: names that must exist, routes that can be reached, secrets fetched."""

from __future__ import annotations

import msgspec

from tocsin.streams.rules.policies import Grouping, LoopLimits, TimeoutPolicy
from tocsin.streams.rules.routing.matching import covers, disjoint
from tocsin.streams.rules.rulebook import Endpoint, Match, Route, RuleBook
from tocsin.streams.rulesfile.build_policies import escalations_of, limits_of, tenants_of, timeouts_of
from tocsin.streams.rulesfile.build_quiet import inhibitions_of, mute_times_of, silences_of
from tocsin.streams.rulesfile.finding import Findings, Path
from tocsin.streams.rulesfile.matching import match_of
from tocsin.streams.rulesfile.model import GroupModel, RouteModel, RulesModel
from tocsin.streams.rulesfile.naming import check_endpoints, check_name

NO_POLICY = "none"
"""`escalate: none`: not even the policy of the route around it."""


def build(model: RulesModel, endpoints: dict[str, Endpoint], findings: Findings) -> RuleBook:
    """The rule book, and findings about what does not fit together; only to be used when `findings` has no error."""
    default = model.default_route.endpoint
    check_name("endpoint", "endpoints", default, model.endpoints, ("default_route",), findings)
    limits = limits_of(model.limits, LoopLimits())
    timeouts = timeouts_of(model.timeouts, (TimeoutPolicy(),), ("timeouts",), findings)
    return RuleBook(
        endpoints=endpoints,
        default_endpoint=default,
        routes=_routes(model.routes, ("routes",), None, model, findings),
        escalations=escalations_of(model, findings),
        silences=silences_of(model, findings),
        inhibit=inhibitions_of(model, findings),
        mute_times=mute_times_of(model, findings),
        limits=limits,
        timeouts=timeouts,
        tenants=tenants_of(model, limits, timeouts, findings),
    )


def _routes(
    models: list[RouteModel], path: Path, parent: Route | None, model: RulesModel, findings: Findings
) -> tuple[Route, ...]:
    routes: list[Route] = []
    for number, each in enumerate(models):
        here = (*path, number)
        name = each.name or f"route-{number + 1}"
        if any(before.name == name for before in routes):
            findings.error((*here, "name"), f"two routes beside each other are named {name}", remedy="rename one")
        route = _route(each, name, here, parent, model, findings)
        _reachable(route.match, here, name, routes, findings)
        if parent is not None and disjoint(parent.match, route.match):
            message = f"route {name} is never reached: nothing that fits route {parent.name} around it fits it too"
            findings.warning(here, message, "move it out, or correct one of the two matches")
        inner = _routes(each.routes, (*here, "routes"), route, model, findings)
        routes.append(msgspec.structs.replace(route, routes=inner))
    return tuple(routes)


def _route(
    each: RouteModel, name: str, here: Path, parent: Route | None, model: RulesModel, findings: Findings
) -> Route:
    """A route without its own routes. Like Alertmanager's, it takes from the one around it what it does not say itself;
    mute times are not taken over, for a route is muted by its own alone."""
    for position, time in enumerate(each.mute or ()):
        check_name("mute time", "mute_times", time, model.mute_times, (*here, "mute", position), findings)
    if each.escalate not in (None, NO_POLICY):
        check_name("policy", "escalations", each.escalate, model.escalations, (*here, "escalate"), findings)
    policy = parent.escalate if parent and each.escalate is None else each.escalate
    return Route(
        name=name,
        match=match_of(each.match, (*here, "match"), findings),
        endpoints=_told(each, here, parent, model, findings),
        go_on=each.go_on,
        escalate=None if policy == NO_POLICY else policy,
        mute=tuple(each.mute or ()),
        group=_grouping(each.group) if each.group else parent.group if parent else None,
        repeat=each.repeat if each.repeat is not None else parent.repeat if parent else None,
    )


def _grouping(model: GroupModel) -> Grouping:
    grouping = Grouping(by=tuple(dict.fromkeys(model.by)), wait=model.wait)
    return grouping if model.interval is None else msgspec.structs.replace(grouping, interval=model.interval)


def _told(
    route: RouteModel, here: Path, parent: Route | None, model: RulesModel, findings: Findings
) -> tuple[str, ...]:
    if route.endpoints is None:
        if parent is None:
            findings.error(here, "this route tells nobody", "endpoints", "add endpoints")
        return parent.endpoints if parent else ()
    check_endpoints(route.endpoints, model.endpoints, (*here, "endpoints"), findings)
    return tuple(route.endpoints)


def _reachable(match: Match, here: Path, name: str, before: list[Route], findings: Findings) -> None:
    for earlier in before:
        if not earlier.go_on and covers(earlier.match, match):
            message = f"route {name} is never reached: route {earlier.name} before it takes everything that it matches"
            findings.warning(here, message, f"put {name} first, or set continue: true on {earlier.name}")
            return
