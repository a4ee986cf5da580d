"""Named places where a test kills the process: `TOCSIN_FAILPOINT=name:nth` dies the nth time `name` is passed.

The kill is a real SIGKILL of this process, so nothing is flushed, closed or logged (docs/reliability.md#f2).
`TOCSIN_FAILPOINT_TRACE=folder` leaves an empty file there, called like the place, just before: the test sees that it
was reached.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Callable
from pathlib import Path

ENGINE_FAILPOINTS = (
    "owner_written",
    "rows_recovered",
    "outbox_spoken_again",
    "mark_checked",
    "batch_folded",
    "changelog_written",
    "ownership_checked",
    "outputs_half_written",
    "outputs_written",
    "tick_written",
)
DISPATCHER_FAILPOINTS = (
    "attempt_read",
    "sink_answered",
    "outcome_written",
    "attempt_committed",
)
COMMAND_FAILPOINTS = (
    "letters_written",
    "letters_noted",
    "replay_on_record",
    "requests_written",
)
"""... of `tocsin dead replay` and `tocsin replay`."""
REPARTITION_FAILPOINTS = (
    "new_topics_made",
    "rows_moved",
    "topic_half_copied",
    "topic_copied",
    "copy_checked",
    "new_topics_opened",
)
GATEWAY_FAILPOINTS = (
    "subscription_written",
    "subscription_enabled",
    "subscription_given_up",
)
PROJECTOR_FAILPOINTS = (
    "rows_made",
    "rows_written",
    "offsets_written",
    "batch_taken",
)
FAILPOINTS = (
    PROJECTOR_FAILPOINTS
    + ENGINE_FAILPOINTS
    + DISPATCHER_FAILPOINTS
    + COMMAND_FAILPOINTS
    + REPARTITION_FAILPOINTS
    + GATEWAY_FAILPOINTS
)


def failpoint_from(environment: str | None) -> Callable[[str], None]:
    """A function to call at each named place; does nothing unless `environment` is `name:nth`.

    Raises ValueError for a name that does not exist: a test that never fires would prove nothing.
    """
    if not environment:
        return _pass_by
    name, _, nth = environment.partition(":")
    if name not in FAILPOINTS:
        raise ValueError(f"no failpoint is called {name!r}; there are: {', '.join(FAILPOINTS)}")
    left = int(nth or 1)

    def check(place: str) -> None:
        nonlocal left
        if place == name:
            left -= 1
            if left == 0:
                if folder := os.environ.get("TOCSIN_FAILPOINT_TRACE"):
                    Path(folder, place).touch()
                os.kill(os.getpid(), signal.SIGKILL)

    return check


def _pass_by(place: str) -> None:
    return None
