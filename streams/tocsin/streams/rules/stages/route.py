"""The routing tree, with Alertmanager's semantics: depth first, the first match wins unless it says `continue`.

Beside it the subscriptions that were made while running: each hears of what it wants, and takes nothing from a route.
"""

from __future__ import annotations

from collections.abc import Iterator

from tocsin.streams.rules.config import Route
from tocsin.streams.rules.facts import Facts
from tocsin.streams.rules.report import Matched, Report
from tocsin.streams.rules.turn import Turn


def judge(turn: Turn, report: Report) -> None:
    """Note which routes take the report, and which subscriptions want it; whether anybody is told is for the stages
    after this one."""
    routes, subscriptions = turn.config.book.routes, turn.config.subscriptions
    report.matched = list(matching(routes, report.facts)) if routes else []
    if subscriptions:
        report.subscribed = tuple(
            one.name for one in subscriptions if one.tenant == report.tenant and one.match.fits(report.facts)
        )


def matching(routes: tuple[Route, ...], facts: Facts, above: str = "", *, named: bool = False) -> Iterator[Matched]:
    """The routes that take the problem: of each branch the deepest that match."""
    for candidate in routes:
        if not candidate.match.fits(facts):
            continue
        path = f"{above}{candidate.name}"
        names = named or candidate.match.names_code(facts)
        inner = list(matching(candidate.routes, facts, path + "/", named=names)) if candidate.routes else []
        yield from inner or (Matched(path, candidate, names),)
        if not candidate.go_on:
            return


def route_at(routes: tuple[Route, ...], path: str) -> Route | None:
    """The route of this path of names, or None when there is none any more."""
    name, _, rest = path.partition("/")
    for route in routes:
        if route.name == name:
            return route_at(route.routes, rest) if rest else route
    return None
