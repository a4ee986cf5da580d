"""The routing tree, with Alertmanager's semantics: depth first, the first match wins unless it says `continue`."""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from tocsin.streams.rules.routing.matching import Asked, fits, fold_code
from tocsin.streams.rules.rulebook import Match, Route


class Matched(Struct, frozen=True):
    """A route that takes a problem: its path of names, and whether it or one around it names the very code."""

    path: str
    route: Route
    names_code: bool


def matching(routes: tuple[Route, ...], asked: Asked, above: str = "", *, named: bool = False) -> Iterator[Matched]:
    """The routes that take the problem: of each branch the deepest that match."""
    for candidate in routes:
        if not fits(candidate.match, asked):
            continue
        path = f"{above}{candidate.name}"
        names = named or _names(candidate.match, asked)
        inner = list(matching(candidate.routes, asked, path + "/", named=names)) if candidate.routes else []
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


def _names(match: Match, asked: Asked) -> bool:
    if not match.codes:
        return False
    key = asked.problem.code_key or fold_code(asked.problem.code)
    for code in match.codes:  # noqa: SIM110 - a generator costs more than the comparison
        if fold_code(code) == key or code == asked.problem.code:
            return True
    return False
