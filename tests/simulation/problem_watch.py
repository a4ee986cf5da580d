"""Every problem that was accepted ends in exactly one way, and nothing is told of what was not accepted."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.simulation.broken import Broken
from tests.simulation.watched import Watcher
from tocsin.schemas.events import (
    ProblemOpened,
    ProblemRepeated,
    ProblemReported,
    ProblemSuppressed,
    ProblemUnrouted,
)
from tocsin.streams.engine.record import Rows
from tocsin.streams.rules.decision import Decision, Emit

FINAL = (ProblemOpened, ProblemRepeated, ProblemSuppressed)


class ProblemWatch(Watcher):
    """Keeps the ids of what was published, until each is decided."""

    def __init__(self) -> None:
        self.published: set[int] = set()
        self.accepted: set[str] = set()
        self.outcomes: Counter[str] = Counter()

    def publish(self, event_id: str) -> None:
        """Somebody tries to publish a problem."""
        self.published.add(hash(event_id))

    def accept(self, event_id: str) -> None:
        """It is in the log."""
        self.accepted.add(event_id)

    def folded(self, event: Any, said: Sequence[Decision], rows: Rows, now: int) -> None:
        finals = _finals(said)
        if not isinstance(event, ProblemReported):
            if finals:
                raise Broken(f"{type(event).__name__} {event.event_id} ends a problem: {finals}")
            return
        if hash(event.event_id) not in self.published:
            raise Broken(f"{event.event_id} was decided and never published")
        if len(finals) != 1 or finals[0].report != event.event_id:
            raise Broken(f"{event.event_id} ends {len(finals)} times: {finals}")
        final = finals[0]
        unrouted = [one.event for one in said if isinstance(one, Emit) and isinstance(one.event, ProblemUnrouted)]
        suppressed = final.reason if isinstance(final, ProblemSuppressed) else None
        routed = not isinstance(final, ProblemSuppressed) and bool(final.endpoints)
        if (suppressed is not None) + routed + len(unrouted) != 1:
            raise Broken(f"{event.event_id} is not one of routed, suppressed and unrouted: {final}, {unrouted}")
        self.outcomes[suppressed or ("routed" if routed else "unrouted")] += 1
        self.accepted.discard(event.event_id)

    def fired(self, key: str, row: Any, said: Sequence[Decision], rows: Rows, now: int) -> None:
        if _finals(said):
            raise Broken(f"the timer {key!r} ends a problem")

    def check_all_ended(self) -> None:
        """For the end."""
        if self.accepted:
            raise Broken(f"{len(self.accepted)} problems are missing: {sorted(self.accepted)[:3]}")


def _finals(said: Sequence[Decision]) -> list[ProblemOpened | ProblemRepeated | ProblemSuppressed]:
    return [one.event for one in said if isinstance(one, Emit) and isinstance(one.event, FINAL)]
