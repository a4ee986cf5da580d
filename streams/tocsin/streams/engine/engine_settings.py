"""How the engine of a worker runs."""

from __future__ import annotations

from dataclasses import dataclass, field

from tocsin.streams.engine.dead import DeadLetterLimit
from tocsin.streams.engine.fold import Limits
from tocsin.streams.engine.setbacks import NOT_WATCHED, Watched
from tocsin.streams.engine.ticking import HEARTBEAT


@dataclass(frozen=True, slots=True)
class EngineSettings:
    """How the engine runs; times are in seconds.

    `heartbeat`: while timers are pending, a partition hears a tick at least so often; twice as long a silence is an
    outage (`RuleSet.resumed`). It is the same for all workers of a group. `watched` is told of recoveries and
    set-backs.
    """

    bootstrap: str
    prefix: str
    limits: Limits = field(default_factory=Limits)
    dead_letters: DeadLetterLimit = field(default_factory=DeadLetterLimit)
    failpoint: str | None = None
    tick_interval: float = 0.1
    stop_within: float = 10.0
    stall_after: float = 30.0
    fatal_after: float = 180.0
    retry_delay: float = 1.0
    heartbeat: float = HEARTBEAT
    watched: Watched = NOT_WATCHED
