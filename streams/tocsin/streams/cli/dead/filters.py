"""Which dead letters are meant: the options that all commands of `tocsin dead` share, and the filter they make."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from time import time_ns
from typing import Annotated, Any

from typer import Option

from tocsin.streams.cli.moments import window
from tocsin.streams.processes.dead.wanted import Wanted

Replayed = Annotated[bool | None, Option("--replayed/--not-replayed", help="Replayed already, or not yet.")]
Limit = Annotated[int | None, Option(min=1, help="At most so many, the oldest ones.")]


def wanted(
    reason: Annotated[list[str] | None, Option(help="With this reason; may be said again for another one.")] = None,
    stage: Annotated[list[str] | None, Option(help="That died at this stage: decide, deliver, dispatch, ...")] = None,
    topic: Annotated[list[str] | None, Option(help="That died in this topic, with or without its prefix.")] = None,
    endpoint: Annotated[list[str] | None, Option(help="About this endpoint.")] = None,
    tenant: Annotated[list[str] | None, Option(help="Of this tenant.")] = None,
    code: Annotated[list[str] | None, Option(help="Whose problem has this code, or one below it: e.p.xfer")] = None,
    kind: Annotated[list[str] | None, Option("--type", help="Whose event is a ProblemReported, or ...")] = None,
    group: Annotated[list[str] | None, Option(help="Put aside by this group of subscribers.")] = None,
    since: Annotated[str | None, Option("--from", metavar="TIME", help="Dead since then: 2h (ago), RFC 3339.")] = None,
    until: Annotated[
        str | None, Option("--to", "--before", metavar="TIME", help="Dead before then: 2h (ago), RFC 3339.")
    ] = None,
    now: int | None = None,
) -> Wanted:
    """The filter that was typed; `now` in microseconds. Raises CommandFailed(2) for a time that is none."""
    first, last = window(since, until, time_ns() // 1000 if now is None else now)
    return Wanted(
        reasons=frozenset(reason or ()),
        stages=frozenset(stage or ()),
        topics=frozenset(topic or ()),
        endpoints=frozenset(endpoint or ()),
        tenants=frozenset(tenant or ()),
        codes=frozenset(one.strip(".") for one in code or ()),
        types=frozenset(one.replace("_", "").lower() for one in kind or ()),
        groups=frozenset(group or ()),
        since=None if first is None else -(-first // 1000),
        until=None if last is None else -(-last // 1000),
    )


def filtered(command: Callable[..., None]) -> Callable[..., None]:
    """A command with the options of `wanted` before its own; it is given the filter as `wanted`."""
    options = [one for one in inspect.signature(wanted, eval_str=True).parameters.values() if one.name != "now"]
    own = [one for one in inspect.signature(command, eval_str=True).parameters.values() if one.name != "wanted"]

    @wraps(command)
    def run(**given: Any) -> None:
        typed = {one.name: given.pop(one.name) for one in options}
        command(wanted=wanted(**typed), **given)

    parameters = sorted([*own, *options], key=lambda one: one.default is not inspect.Parameter.empty)
    run.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    run.__annotations__ = {one.name: one.annotation for one in parameters}
    return run
