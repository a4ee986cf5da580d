"""Which dead letters are meant: the options that all commands of `tocsin dead` share, and the filter they make."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from functools import wraps
from time import time_ns
from typing import Annotated, Any

from msgspec import Struct
from typer import Option

from tocsin.streams.cli.dead.letter import Opened
from tocsin.streams.cli.moments import window
from tocsin.streams.engine.dead import NOT_A_PROBLEM

Replayed = Annotated[bool | None, Option("--replayed/--not-replayed", help="Replayed already, or not yet.")]
Limit = Annotated[int | None, Option(min=1, help="At most so many, the oldest ones.")]


class Wanted(Struct, frozen=True, kw_only=True):
    """A filter: of each field one alternative must fit, empty ones fit everything. Times in milliseconds, as Kafka's.

    Documents that are no problem are meant only where their reason is asked for: they are no records that died."""

    reasons: frozenset[str] = frozenset()
    stages: frozenset[str] = frozenset()
    topics: frozenset[str] = frozenset()
    endpoints: frozenset[str] = frozenset()
    tenants: frozenset[str] = frozenset()
    codes: frozenset[str] = frozenset()
    types: frozenset[str] = frozenset()
    groups: frozenset[str] = frozenset()
    since: int | None = None
    until: int | None = None

    def anything(self) -> bool:
        """Whether nothing was asked for: all letters are meant."""
        return self == Wanted()

    def fits(self, letter: Opened) -> bool:
        """Whether this letter is meant. What costs least is asked first; the event is decoded only where it must be."""
        at = letter.record.timestamp
        return (
            (self.since is None or at >= self.since)
            and (self.until is None or at < self.until)
            and (letter.reason in self.reasons if self.reasons else letter.reason != NOT_A_PROBLEM)
            and (not self.stages or letter.stage in self.stages)
            and (not self.groups or letter.group in self.groups)
            and (not self.topics or any(_is_topic(letter.topic, name) for name in self.topics))
            and (not self.tenants or letter.tenant in self.tenants)
            and (not self.endpoints or letter.endpoint in self.endpoints)
            and (not self.types or letter.type.lower() in self.types)
            and (not self.codes or code_fits(letter.code, self.codes))
        )


def code_fits(code: str, wanted: frozenset[str]) -> bool:
    """Whether a code is one of these, or one below: `e.p.xfer.cant` is below `e.p.xfer`, `e.p.xferred` is not."""
    return any(code == one or code.startswith(f"{one}.") for one in wanted)


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


def _is_topic(topic: str, name: str) -> bool:
    """`tocsin.inbox` is meant by its name and by `inbox`."""
    return topic == name or topic.endswith(f".{name}")
