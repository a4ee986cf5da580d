"""What would become of one report, told to nobody: by the real rules, over rows of its own. Pure.

Nothing is remembered before it: it is the first report of its thread, its connection and its case. Timers go on for an
hour after it, a bounded number of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from msgspec import Struct

from tocsin.schemas.events import DeliveryRequested, Event, ProblemReported
from tocsin.streams.rules.config import DecideConfig
from tocsin.streams.rules.decide import STAGES
from tocsin.streams.rules.decision import DELIVERIES, Emit
from tocsin.streams.rules.replay import Decided, MemoryRows, Replay
from tocsin.streams.rules.report import Report
from tocsin.streams.rules.turn import Turn
from tocsin.streams.rules.values import HOUR

AFTER = HOUR
"""How long timers still fire after the report (microseconds)."""

MOST_TIMERS = 40
MOST_DELIVERIES = 60


class StageSaid(Struct, frozen=True, kw_only=True):
    """What one stage said of the report: nothing (it goes on), a `reason` for which nobody is told, or a `limit` whose
    notice is told instead."""

    name: str
    reason: str | None = None
    detail: str | None = None
    limit: str | None = None


class Emitted(Struct, frozen=True):
    """An event that would be written, so many microseconds after the report."""

    after: int
    event: Event


class Rehearsed(Struct, frozen=True, kw_only=True):
    """What would become of a report: what each stage says, up to the one that decides; which routes take it (their
    paths), and which subscriptions want it; what would be emitted; who would be told. `whole` is false where there was
    more than is shown."""

    stages: list[StageSaid]
    routes: list[str]
    subscribed: list[str]
    emitted: list[Emitted]
    told: list[Emitted]
    whole: bool


def rehearse(event: ProblemReported, config: DecideConfig, now: int) -> Rehearsed:
    """What would become of a report that is taken in `now` (microseconds)."""
    stages, report = _stages(event, config, now)
    replay = Replay(config, now=now)
    decided = replay.hear(event, now)
    timers = 0
    while (first := replay.rows.earliest()) is not None and first[0] <= now + AFTER and timers < MOST_TIMERS:
        decided += replay.wait(first[0])
        timers += 1
    first = replay.rows.earliest()
    everything = list(_emitted(decided, now))
    told = [one for one in everything if isinstance(one.event, DeliveryRequested)]
    others = [one for one in everything if not isinstance(one.event, DeliveryRequested)]
    return Rehearsed(
        stages=stages,
        routes=[one.path for one in report.matched],
        subscribed=list(report.subscribed),
        emitted=others,
        told=told[:MOST_DELIVERIES],
        whole=len(told) <= MOST_DELIVERIES and (first is None or first[0] > now + AFTER),
    )


def _stages(event: ProblemReported, config: DecideConfig, now: int) -> tuple[list[StageSaid], Report]:
    """What each stage says, over rows that are thrown away."""
    turn, report = Turn(MemoryRows(), now, config, event.tenant), Report(event)
    said: list[StageSaid] = []
    limited = False
    for stage in STAGES:
        if limited and stage.of_reports_only:
            continue
        name, verdict = _name_of(stage.judge), stage.judge(turn, report)
        if verdict is None:
            said.append(StageSaid(name=name))
        elif verdict.instead is not None:
            said.append(StageSaid(name=name, limit=str(verdict.limit)))
            report.tell_instead(verdict)
            limited = True
        else:
            said.append(StageSaid(name=name, reason=str(verdict.reason), detail=verdict.detail or None))
            break
    return said, report


def _name_of(judge: object) -> str:
    module, name = getattr(judge, "__module__", ""), getattr(judge, "__name__", "")
    return module.rpartition(".")[2] if name == "judge" else name


def _emitted(decided: list[Decided], now: int) -> Iterator[Emitted]:
    for one in decided:
        for decision in one.decisions:
            if isinstance(decision, Emit) and (decision.topic != DELIVERIES or _is_request(decision.event)):
                yield Emitted(max(one.at - now, 0), decision.event)


def _is_request(event: Event) -> bool:
    return isinstance(event, DeliveryRequested)
