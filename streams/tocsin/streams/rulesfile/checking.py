"""What each part of a rules file says may be right, and still the whole be wrong: circles, what nothing uses, routes
that tell nobody. Errors for what would go round for ever, warnings for the rest."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from urllib.parse import urlsplit

from tocsin.streams.rules.config import NOT_FOR_PEERS, NOTIFICATIONS, Inhibition, Route, RuleBook
from tocsin.streams.rules.match import covers
from tocsin.streams.rulesfile.finding import Findings, Path

_PORTS = {"http": 80, "https": 443}


def check_whole(book: RuleBook, own: Collection[str], findings: Findings) -> None:
    """Note what is wrong with a book as a whole; `own` are the base URLs of this bus's own gateway."""
    _own_gateway(book, own, findings)
    _used(book, findings)
    _peers(book, findings)
    _people(book, findings)
    _digests(book, findings)
    _circles_of_inhibitions(book.inhibit, findings)
    for path, route in _walk(book.routes, ("routes",)):
        if route.mute and any(_always(book, name) for name in route.mute):
            message = f"route {route.name} tells nobody, ever: its mute times cover the whole week"
            findings.warning((*path, "mute"), message, "narrow the mute time, or remove the route")


def _own_gateway(book: RuleBook, own: Collection[str], findings: Findings) -> None:
    for name, endpoint in book.endpoints.items():
        url = getattr(endpoint.settings, "url", None)
        if isinstance(url, str) and is_place_of(url, own):
            message = f"endpoint {name} is this bus's own gateway: whatever it is told comes back as a problem"
            findings.error(("endpoints", name, "url"), message, "the address of somebody else", "correct the url")


def is_place_of(url: str, own: Collection[str]) -> bool:
    """Whether a URL leads to one of these base URLs."""
    return _place(url) in {_place(one) for one in own}


def _place(url: str) -> tuple[str, int | None]:
    try:
        parts = urlsplit(url)
        host = (parts.hostname or "").casefold()
        return "127.0.0.1" if host == "localhost" else host, parts.port or _PORTS.get(parts.scheme)
    except ValueError:
        return url, None


def _used(book: RuleBook, findings: Findings) -> None:
    routes = [route for _, route in _walk(book.routes, ())]
    # operators are told of every shortage of resources, whatever the routes say
    endpoints = {name for name, each in book.endpoints.items() if each.audience == "operator"}
    endpoints |= {book.default_endpoint, *(name for route in routes for name in route.endpoints)}
    for policy in book.escalations.values():
        endpoints |= {name for step in policy.steps for name in step.endpoints} | {policy.uri_endpoint or ""}
    _unused("endpoints", "no route leads to endpoint", book.endpoints, endpoints, findings)
    policies = {route.escalate for route in routes if route.escalate}
    _unused("escalations", "no route names policy", book.escalations, policies, findings)
    muted = {name for route in routes for name in route.mute}
    _unused("mute_times", "no route names mute time", book.mute_times, muted, findings)


def _unused(section: str, message: str, names: Collection[str], used: Collection[str], findings: Findings) -> None:
    for name in names:
        if name not in used:
            findings.warning((section, name), f"{message} {name}", "name it in a route, or remove it")


def _people(book: RuleBook, findings: Findings) -> None:
    """People are told by our notification; in a dialect's document strangers have a say, and links have no case."""
    for name, endpoint in book.endpoints.items():
        if endpoint.explained and endpoint.body not in NOTIFICATIONS and endpoint.audience != "peer":
            message = f"endpoint {name} tells people, who do not read {endpoint.body}"
            findings.error(("endpoints", name, "body"), message, "notification", "leave body out")


def _peers(book: RuleBook, findings: Findings) -> None:
    """A peer is told of problems, as a last resort never, and never of what people do about them."""
    if _is_peer(book.default_endpoint, book):
        message = f"the default route tells endpoint {book.default_endpoint}, whose audience is the peer"
        findings.error(("default_route",), message, "an endpoint of an owner or an operator")
    for name, endpoint in book.endpoints.items():
        if endpoint.audience == "peer" and endpoint.body in NOT_FOR_PEERS:
            message = f"endpoint {name} is the peer's: it does not know our {endpoint.body}"
            findings.error(("endpoints", name, "body"), message, "a dialect, such as didcomm-2.0")
    for name, policy in book.escalations.items():
        told = {each for step in policy.steps for each in step.endpoints} | {policy.uri_endpoint or ""}
        for peer in sorted(each for each in told if _is_peer(each, book)):
            message = f"policy {name} tells endpoint {peer}, whose audience is the peer: it is never told of steps"
            findings.error(("escalations", name, "steps"), message, "endpoints of owners or operators")


def _is_peer(name: str, book: RuleBook) -> bool:
    return name in book.endpoints and book.endpoints[name].audience == "peer"


def _digests(book: RuleBook, findings: Findings) -> None:
    """What is held back comes in a digest, which only our own notification can say."""
    for path, route in _walk(book.routes, ("routes",)):
        singly = [name for name in route.endpoints if book.endpoints[name].body not in NOTIFICATIONS]
        for name in singly if route.mute else ():
            message = f"endpoint {name} takes no digests: what route {route.name} mutes is never told there"
            findings.warning((*path, "mute"), message, "body: notification, or another route for it")
        for name in singly if route.group and not route.mute else ():
            message = f"endpoint {name} takes no digests: route {route.name} tells it every problem, not groups"
            findings.warning((*path, "group"), message, "body: notification, or another route for it")
        if route.escalate and (route.mute or route.group):
            section = "mute" if route.mute else "group"
            message = f"route {route.name} escalates nothing while it holds back: a digest pages nobody"
            findings.warning((*path, section), message, f"another route for what must page, without {section}")


def _circles_of_inhibitions(inhibit: tuple[Inhibition, ...], findings: Findings) -> None:
    for number, one in enumerate(inhibit):
        if covers(one.target, one.source):
            message = f"inhibition {one.name}: everything that fits its source fits its target too"
            findings.warning(("inhibit", number), message, "the first one told would keep its equals quiet; narrow it")
        for other in inhibit[:number]:
            if covers(one.target, other.source) and covers(other.target, one.source):
                message = f"inhibitions {other.name} and {one.name} keep each other quiet: whichever is told first wins"
                findings.warning(("inhibit", number), message, "let only the worse inhibit the lesser")


def _always(book: RuleBook, name: str) -> bool:
    return any(
        not time.days and not time.months and (time.end - time.start) % 1440 == 0 for time in book.mute_times[name]
    )


def _walk(routes: tuple[Route, ...], path: Path) -> Iterator[tuple[Path, Route]]:
    for number, route in enumerate(routes):
        here = (*path, number)
        yield here, route
        yield from _walk(route.routes, (*here, "routes"))
