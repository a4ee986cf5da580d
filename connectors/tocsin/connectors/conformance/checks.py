"""The checks, one function each."""

from __future__ import annotations

import asyncio
import gc
import io
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

import msgspec

from tocsin.connectors.conformance.attempts import ODD, attempt_of
from tocsin.connectors.conformance.counterpart import Counterpart, NotConforming
from tocsin.connectors.conformance.observing import held, overheard, refused
from tocsin.connectors.sinks import Delivered, Reason, Rejected, RetryLater, Sink, SinkOutcome, sink_class
from tocsin.schemas.events import DeliveryAttempt

PATIENCE = 30.0
"""Seconds after which a sink hangs: much longer than what a counterpart lets it wait."""
SETTLED_WITHIN = 200
"""How often, every 50 ms, is looked whether what an attempt took is given back."""
AT_ONCE = 20
WRONG = "wr0ng-c4n4ry"
"""What is set where it does not fit, and must be quoted nowhere."""


async def delivers_what_it_was_given(other: Counterpart) -> None:
    """Many at once, each with its own body, none twice; and again when it was closed and opened."""
    first, second = [[attempt_of(n + start) for n in range(AT_ONCE)] for start in (100, 200)]
    _must(other.form(first[0]) != other.form(first[1]), "form() is the same for two bodies")
    sink = other.sink()
    for attempts in (first, second):
        async with sink as opened:
            for outcome in await asyncio.gather(*(_deliver(opened, one) for one in attempts)):
                _must(isinstance(outcome, Delivered), f"{outcome} although {other.kind}'s other side takes everything")
    wanted = Counter(other.form(one) for one in (*first, *second))
    _must(Counter(other.taken()) == wanted, f"it was given {_shown(wanted)} and delivered {_shown(other.taken())}")


async def repeats_are_known_by_their_id(other: Counterpart) -> None:
    """Attempt, repeat and replay carry the same delivery id and body; another delivery of the same body another id."""
    repeats = [attempt_of(1), attempt_of(1, attempt=2, event_id="later"), attempt_of(1, replay=1)]
    twin = attempt_of(1, delivery_id="delivery-2")
    if "delivery id" not in other.never:
        _must(other.form(twin) != other.form(repeats[0]), "form() does not tell the delivery id (never has no reason)")
    async with other.sink() as sink:
        for one in (*repeats, twin):
            _must(isinstance(await _deliver(sink, one), Delivered), "a repeat is not delivered")
    wanted = Counter(other.form(one) for one in (*repeats[:1] * 3, twin))
    _must(Counter(other.taken()) == wanted, f"of three attempts of one delivery came {_shown(other.taken())}")


async def every_failure_is_an_outcome(other: Counterpart) -> None:
    """Each failure has the reason that is said, and the same opened sink delivers when the other side is back."""
    for needed in ("away", "hangs"):
        _must(needed in other.failures or needed in other.never, f"the counterpart of {other.kind} cannot be {needed}")
    async with other.sink() as sink:
        for number, (failure, reason) in enumerate(other.failures.items(), 300):
            await other.turn(failure)
            outcomes = await asyncio.gather(*(_deliver(sink, attempt_of(number, attempt=n)) for n in (1, 2)))
            await other.turn(None)
            for outcome in outcomes:
                _must(not isinstance(outcome, Delivered), f"{failure}: it says that it delivered")
                _must(getattr(outcome, "reason", None) is Reason(reason), f"{failure}: {outcome}, not {reason}")
            back = await _deliver(sink, attempt_of(number, attempt=3))
            _must(isinstance(back, Delivered), f"after {failure} the other side is back, and it says {back}")


async def any_attempt_ends(other: Counterpart, odd: Mapping[str, Mapping[str, Any]] = ODD) -> None:
    """Whatever the attempt, `deliver` returns an outcome, and the next usual one is delivered."""
    async with other.sink() as sink:
        for changes in odd.values():
            await _deliver(sink, attempt_of(1, **changes))
        usual = await _deliver(sink, attempt_of(2))
        _must(isinstance(usual, Delivered), f"after odd attempts a usual one is {usual}")


async def a_cancelled_attempt_leaves_nothing(other: Counterpart) -> None:
    """Cancelled in the middle, closed with attempts under way, closed twice, used when closed: it raises nothing but
    CancelledError, keeps no task, thread or file, and can be used again."""
    await _cancelled_and_closed(other)  # what is made once, such as the threads of the loop, is there from now on
    before = held()
    for _ in range(3):
        await _cancelled_and_closed(other)
    for _ in range(SETTLED_WITHIN):
        gc.collect()
        left = {name: count - before[name] for name, count in held().items() if count > before[name]}
        if not left:
            return
        await asyncio.sleep(0.05)
    raise NotConforming(f"it keeps what it opened: {left}")


async def _cancelled_and_closed(other: Counterpart) -> None:
    if "hangs" in other.failures:
        await other.turn("hangs")
    async with other.sink() as sink:
        under_way = [asyncio.create_task(sink.deliver(attempt_of(n))) for n in range(10)]
        await asyncio.sleep(0.05)
        for one in under_way[:5]:
            one.cancel()
        _only_cancelled(await asyncio.wait_for(asyncio.gather(*under_way[:5], return_exceptions=True), PATIENCE))
        await other.turn(None)
        again = await _deliver(sink, attempt_of(50))
        _must(isinstance(again, Delivered), f"after attempts were cancelled it says {again}")
        if "hangs" in other.failures:
            await other.turn("hangs")
        under_way += [asyncio.create_task(sink.deliver(attempt_of(n))) for n in range(10, 13)]
        await asyncio.sleep(0)
    _only_cancelled(await asyncio.wait_for(asyncio.gather(*under_way, return_exceptions=True), PATIENCE))
    await asyncio.wait_for(sink.__aexit__(None, None, None), PATIENCE)
    await _deliver(sink, attempt_of(51))
    await other.turn(None)


async def secrets_are_seen_nowhere(other: Counterpart) -> None:
    """Neither in its repr, nor in outcomes, logs, what is printed, or errors."""
    sink, config = other.sink(), msgspec.convert(dict(other.settings), sink_class(other.kind).Config)
    with overheard() as heard:
        async with sink as opened:
            for failure in (None, *other.failures):
                await other.turn(failure)
                heard.write(repr(await _deliver(opened, attempt_of(1))))
            await other.turn(None)
        print(repr(sink), str(sink), repr(config), str(config), f"{sink} {config}", file=heard)
        for field in msgspec.structs.fields(config):
            _refusal(other, field.encode_name, [{WRONG: [WRONG]}], heard)
    told = heard.getvalue()
    _must(not [one for one in other.secrets if one in told], "a secret of its settings is told")


async def wrong_settings_are_refused(other: Counterpart) -> None:
    """SinkMisconfigured names the setting and never quotes what was set; nothing else is raised. There is a Config."""
    config = sink_class(other.kind).Config
    _must(bool((config.__doc__ or "").strip()), "Config has no docstring: the rules file's schema shows it")
    with overheard() as heard:
        for field in msgspec.structs.fields(config):
            name = field.encode_name
            named = _refusal(other, name, [{WRONG: [WRONG]}], heard)
            _must(named is None or named.split("[")[0].split(".")[0] == name, f"{name} is wrong, and it names {named}")
            for value in (WRONG, f"https://{WRONG}:{WRONG}@[/", -1e300, {WRONG: WRONG}, [WRONG], None, "", []):
                _refusal(other, name, value, heard)
            if field.required:
                left = {key: value for key, value in other.settings.items() if key != name}
                _must(refused(other.kind, left, heard) == name, f"{name} is missing, and is not named")
        if config.__struct_config__.forbid_unknown_fields:
            _must(_refusal(other, "colour", WRONG, heard) == "colour", "a setting that there is not is not named")
    _must(WRONG not in heard.getvalue(), f"what was set is quoted: {heard.getvalue()}")


CHECKS: dict[str, Callable[[Any], Awaitable[None]]] = {
    check.__name__.replace("_", " "): check
    for check in (
        delivers_what_it_was_given, repeats_are_known_by_their_id, every_failure_is_an_outcome, any_attempt_ends,
        a_cancelled_attempt_leaves_nothing, secrets_are_seen_nowhere, wrong_settings_are_refused,
    )
}  # fmt: skip
"""Every check by its name. Each takes an entered Counterpart of its own."""


def _must(holds: bool, otherwise: str) -> None:
    if not holds:
        raise NotConforming(otherwise)


async def _deliver(sink: Sink, attempt: DeliveryAttempt) -> SinkOutcome:
    try:
        outcome = await asyncio.wait_for(sink.deliver(attempt), PATIENCE)
    except BaseException as error:
        raise NotConforming(f"deliver raised {error!r} for {_shown(attempt)}") from error
    _must(isinstance(outcome, Delivered | RetryLater | Rejected), f"{outcome!r} is no outcome")
    _must(isinstance(outcome, Delivered) or isinstance(outcome.reason, Reason), f"{outcome} has no reason of the set")
    return outcome


def _only_cancelled(ends: Sequence[object]) -> None:
    for end in ends:
        fine = isinstance(end, Delivered | RetryLater | Rejected | asyncio.CancelledError)
        _must(fine, f"an attempt that was cut off ends with {end!r}")


def _refusal(other: Counterpart, name: str, value: object, heard: io.StringIO) -> str | None:
    return refused(other.kind, {**other.settings, name: value}, heard)


def _shown(value: object) -> str:
    return repr(value)[:500]
