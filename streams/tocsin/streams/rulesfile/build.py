"""From a checked file to the RuleBook: names that must exist, routes that can be reached, what is inherited."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from difflib import get_close_matches

from msgspec import Struct
from msgspec.structs import replace

from tocsin.connectors.redaction import Redaction
from tocsin.streams.rules.config import Endpoint, Inhibition, Route, RuleBook, TenantRules
from tocsin.streams.rules.match import Match, covers, disjoint
from tocsin.streams.rules.policies import EscalationPolicy, TimeoutPolicy
from tocsin.streams.rulesfile.finding import Findings, Path
from tocsin.streams.rulesfile.model import RulesModel

NO_POLICY = "none"
"""`escalate: none`: not even the policy of the route around it."""


def build(model: RulesModel, endpoints: dict[str, Endpoint], proxy: Struct | None, findings: Findings) -> RuleBook:
    """The rule book, and findings about what does not fit together; only to be used when `findings` has no error."""
    _check_name("endpoint", "endpoints", model.default_route.endpoint, model.endpoints, ("default_route",), findings)
    timeouts = _timeouts(model.timeouts, (TimeoutPolicy(),), ("timeouts",), findings)
    _check_silences(model, findings)
    wallets_of(model, findings)
    return RuleBook(
        endpoints=endpoints,
        default_endpoint=model.default_route.endpoint,
        routes=_routes(model.routes, ("routes",), None, model, findings),
        escalations=_escalations(model, findings),
        silences=model.silences,
        inhibit=_inhibitions(model.inhibit, findings),
        mute_times=model.mute_times,
        limits=model.limits,
        timeouts=timeouts,
        tenants=_tenants(model, timeouts, findings),
        redaction=model.redaction,
        proxy=proxy,
    )


def _routes(
    given: tuple[Route, ...], path: Path, parent: Route | None, model: RulesModel, findings: Findings
) -> tuple[Route, ...]:
    routes: list[Route] = []
    for number, each in enumerate(given):
        here = (*path, number)
        route = _route(each, each.name or f"route-{number + 1}", here, parent, model, findings)
        if any(before.name == route.name for before in routes):
            findings.error((*here, "name"), f"two routes beside each other are named {route.name}", remedy="rename one")
        _reachable(route.match, here, route.name, routes, findings)
        if parent is not None and disjoint(parent.match, route.match):
            message = (
                f"route {route.name} is never reached: nothing that fits route {parent.name} around it fits it too"
            )
            findings.warning(here, message, "move it out, or correct one of the two matches")
        routes.append(replace(route, routes=_routes(each.routes, (*here, "routes"), route, model, findings)))
    return tuple(routes)


def _route(given: Route, name: str, here: Path, parent: Route | None, model: RulesModel, findings: Findings) -> Route:
    """A route as it holds, apart from its own routes. Like Alertmanager's, it takes from the one around it what it does
    not say itself; mute times are not taken over, for a route is muted by its own alone."""
    for position, time in enumerate(given.mute):
        _check_name("mute time", "mute_times", time, model.mute_times, (*here, "mute", position), findings)
    if given.escalate not in (None, NO_POLICY):
        _check_name("policy", "escalations", given.escalate, model.escalations, (*here, "escalate"), findings)
    _check_endpoints(given.endpoints, model.endpoints, (*here, "endpoints"), findings)
    if parent is None and not given.endpoints:
        findings.error(here, "this route tells nobody", "endpoints", "add endpoints")
    around = parent or Route()
    policy = around.escalate if given.escalate is None else given.escalate
    return replace(
        given,
        name=name,
        endpoints=given.endpoints or around.endpoints,
        escalate=None if policy == NO_POLICY else policy,
        group=given.group or around.group,
        repeat=around.repeat if given.repeat is None else given.repeat,
    )


def _reachable(match: Match, here: Path, name: str, before: list[Route], findings: Findings) -> None:
    for earlier in before:
        if not earlier.go_on and covers(earlier.match, match):
            message = f"route {name} is never reached: route {earlier.name} before it takes everything that it matches"
            findings.warning(here, message, f"put {name} first, or set continue: true on {earlier.name}")
            return


def _escalations(model: RulesModel, findings: Findings) -> Mapping[str, EscalationPolicy]:
    for name, policy in model.escalations.items():
        path: Path = ("escalations", name)
        if name == NO_POLICY:
            findings.error(path, "a policy cannot be named none: it means no policy", remedy="rename it")
        for number, step in enumerate(policy.steps):
            _check_endpoints(step.endpoints, model.endpoints, (*path, "steps", number, "endpoints"), findings)
        if policy.uri_endpoint is not None:
            place = (*path, "uri_endpoint")
            _check_name("endpoint", "endpoints", policy.uri_endpoint, model.endpoints, place, findings)
    return {name: replace(policy, name=name) for name, policy in model.escalations.items()}


def _check_silences(model: RulesModel, findings: Findings) -> None:
    names: set[str] = set()
    for number, silence in enumerate(model.silences):
        path: Path = ("silences", number)
        if silence.name in names:
            findings.error((*path, "name"), f"two silences are named {silence.name}", remedy="rename one")
        names.add(silence.name)
        if silence.match.everything:
            message = f"silence {silence.name} would silence everything"
            findings.error((*path, "match"), message, remedy="say what fits")


def _inhibitions(given: tuple[Inhibition, ...], findings: Findings) -> tuple[Inhibition, ...]:
    named = [replace(each, name=each.name or f"inhibit-{number}") for number, each in enumerate(given, 1)]
    for number, each in enumerate(named):
        if any(before.name == each.name for before in named[:number]):
            message = f"two inhibitions are named {each.name}"
            findings.error(("inhibit", number, "name"), message, remedy="rename one")
    return tuple(named)


def _timeouts(
    given: tuple[TimeoutPolicy, ...], otherwise: tuple[TimeoutPolicy, ...], path: Path, findings: Findings
) -> tuple[TimeoutPolicy, ...]:
    """These policies, and after them `otherwise`, unless one of these takes all messages."""
    for number in range(1, len(given)):
        if not given[number - 1].messages:
            findings.warning((*path, number), "never used: the entry before it takes all messages", "put it first")
    takes_all = any(not policy.messages for policy in given)
    return given if takes_all else (*given, *otherwise)


def _tenants(model: RulesModel, timeouts: tuple[TimeoutPolicy, ...], findings: Findings) -> Mapping[str, TenantRules]:
    """What holds for each tenant that the file names: its own, and else what holds for all."""
    return {
        name: TenantRules(
            limits=replace(model.limits, **{each: getattr(own.limits, each) for each in own.limits.model_fields_set}),
            timeouts=_timeouts(own.timeouts, timeouts, ("tenants", name, "timeouts"), findings),
            language=own.language,
            redaction=redaction_of(model, name),
            wallet=own.wallet,
        )
        for name, own in model.tenants.items()
    }


def wallets_of(model: RulesModel, findings: Findings) -> Mapping[str, str]:
    """The tenant of each wallet that the file names: in `wallets`, where two tenants with the same one are an error;
    else as the `wallet` of what one tenant is told."""
    found: dict[str, str] = {}
    for tenant, own in model.tenants.items():
        for number, wallet in enumerate(own.wallets):
            if found.setdefault(wallet, tenant) != tenant:
                message = f"the tenant {found[wallet]} has the same wallet"
                findings.error(("tenants", tenant, "wallets", number), message, remedy="leave it with one of them")
    told = Counter(own.wallet for own in model.tenants.values())
    return {own.wallet: tenant for tenant, own in model.tenants.items() if own.wallet and told[own.wallet] == 1} | found


def redaction_of(model: RulesModel, tenant: str) -> Redaction:
    """What is taken out of a tenant's events: its own words instead of the file's."""
    own = model.tenants.get(tenant)
    return own.redaction if own is not None and own.redaction is not None else model.redaction


def _check_name(kind: str, section: str, name: str, known: Collection[str], path: Path, findings: Findings) -> None:
    """An error, which guesses what was meant, if `name` is none of `known`. `kind` is for people."""
    if name in known:
        return
    guess = get_close_matches(name, known, n=1)
    remedy = f"did you mean {guess[0]}?" if guess else f"add {name} under {section}"
    findings.error(path, f"there is no {kind} {name}", f"one of {', '.join(known)}" if known else "", remedy)


def _check_endpoints(names: Collection[str], known: Collection[str], path: Path, findings: Findings) -> None:
    for position, name in enumerate(names):
        _check_name("endpoint", "endpoints", name, known, (*path, position), findings)
