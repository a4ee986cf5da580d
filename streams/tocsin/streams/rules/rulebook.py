"""The rules as the pure code uses them: frozen, checked, without line numbers. `tocsin.streams.rulesfile` builds it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from msgspec import Struct

DEFAULT_ENDPOINT = "unrouted"
"""The endpoint of the default route when there is no rules file."""


class Match(Struct, frozen=True, kw_only=True):
    """What a route asks of a problem: every list that is not empty must have one entry that fits."""

    codes: tuple[str, ...] = ()
    tenants: tuple[str, ...] = ()
    severities: tuple[str, ...] = ()
    protocols: tuple[str, ...] = ()

    @property
    def everything(self) -> bool:
        """Whether every problem fits."""
        return not (self.codes or self.tenants or self.severities or self.protocols)


class Route(Struct, frozen=True, kw_only=True):
    """One node of the routing tree; `go_on` is `continue` of the file; `endpoints` are its own or its parent's."""

    name: str
    match: Match = Match()
    endpoints: tuple[str, ...]
    go_on: bool = False
    routes: tuple[Route, ...] = ()


class Endpoint(Struct, frozen=True, kw_only=True):
    """One destination. `secrets` sign, the first one is the newest; they never show in repr or logs."""

    name: str
    sink: Literal["webhook", "memory"]
    url: str | None = None
    secrets: tuple[str, ...] = ()
    allow_private: bool = False
    headers: tuple[tuple[str, str], ...] = ()

    def __repr__(self) -> str:
        names = [name for name, _ in self.headers]
        return (
            f"Endpoint(name={self.name!r}, sink={self.sink!r}, secrets=<{len(self.secrets)} hidden>, "
            f"allow_private={self.allow_private}, headers={names})"
        )

    __str__ = __repr__

    def __rich_repr__(self) -> list[tuple[str, object]]:
        return [("name", self.name), ("sink", self.sink)]


class RuleBook(Struct, frozen=True, kw_only=True):
    """All rules of one file. Every endpoint that a route names is in `endpoints`, and so is `default_endpoint`."""

    endpoints: Mapping[str, Endpoint]
    default_endpoint: str
    routes: tuple[Route, ...] = ()


def default_rulebook() -> RuleBook:
    """The rules without a file: no routes, and everything goes unrouted to a memory endpoint named `unrouted`."""
    endpoint = Endpoint(name=DEFAULT_ENDPOINT, sink="memory")
    return RuleBook(endpoints={DEFAULT_ENDPOINT: endpoint}, default_endpoint=DEFAULT_ENDPOINT)
