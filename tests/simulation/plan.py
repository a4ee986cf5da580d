"""What is simulated, and how badly it goes."""

from __future__ import annotations

from msgspec import Struct

from tests.simulation.virtual_loop import MOST_TURNS
from tests.streams.engine.simulated_log import Faults
from tocsin.streams.engine.partition import PartitionWriter

DAY = 86_400.0
"""Seconds."""

HEARTBEATS = (0.25 * DAY, 2 * DAY, 10 * DAY)
"""Seconds; far longer than in production, because years are to pass. Silence is still twice as much."""


class Plan(Struct, frozen=True, kw_only=True):
    """One world. The same plan always gives the same world."""

    seed: int
    events: int = 40
    days: float = 3.0
    partitions: int = 3
    workers: int = 3
    heartbeats: tuple[float, ...] = HEARTBEATS
    """Seconds after which an owner with timers ticks in any case; one of these for the whole run."""
    power_cuts: float = 0.008
    """How often the power is gone for everybody, of one event, with a `trouble` of 1."""
    burst: int = 12
    """How many events come together before a pause."""
    batches: tuple[int, ...] = (3, 20, 200)
    """How many records a worker may take at once; one of these for the whole run."""
    patience: tuple[float, ...] = (0.001, 10.0, 60.0)
    """Seconds after a timer's time at which a worker thinks of a tick; one of these for each worker."""
    trouble: float = 1.0
    """How often faults strike: 1 is far more often than lets anybody work in peace, for short runs."""
    at_once: float = 0.0
    """The share of the calls of the log that take no time; those are the cheapest."""
    most_turns: int = MOST_TURNS
    """Turns of the loop without progress that end the run."""
    writer: type[PartitionWriter] = PartitionWriter

    def faults(self) -> Faults:
        """The rates of the log's faults, of one call each."""
        rate = self.trouble / 1000
        return Faults(
            kill=4 * rate, refuse=3 * rate, lose_answer=3 * rate, hide_offset=20 * rate, pause=2 * rate, late=3 * rate
        )


def rough_plan(seed: int) -> Plan:
    """Twice as many faults as in a short run, and three times as many events: for what only few worlds show."""
    return Plan(seed=seed, events=120, trouble=2.0)


def wild_plan(seed: int) -> Plan:
    """Twice as many faults again: hardly any other shows a row that a void record shadows until compaction takes it."""
    return Plan(seed=seed, events=120, trouble=4.0)


def dark_plan(seed: int) -> Plan:
    """Power cuts at every tenth event, and short heartbeats: silences are noticed."""
    return Plan(seed=seed, power_cuts=0.1, heartbeats=(0.1 * DAY,))


def long_plan(seed: int, events: int) -> Plan:
    """For many events: 400 a day, in large bursts, with faults as often as anybody could bear."""
    return Plan(
        seed=seed,
        events=events,
        days=max(3.0, events / 400),
        burst=300,
        batches=(200, 1000),
        patience=(0.001, 60.0, 1800.0),
        trouble=0.03,
        at_once=0.8,
    )


def slow_plan(seed: int, years: float, events: int) -> Plan:
    """Years with few events, in small bursts; most of the time nothing happens but timers."""
    return Plan(
        seed=seed,
        events=events,
        days=365 * years,
        burst=3,
        batches=(200, 1000),
        patience=(0.001, 60.0, 1800.0),
        trouble=0.3,
        at_once=0.8,
    )
