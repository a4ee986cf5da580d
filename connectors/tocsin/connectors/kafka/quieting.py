"""While Kafka is away aiokafka says so at each of its attempts, from every client: a service's log would hold little
else. Here a line of a kind is said once, and then again after a while, with how many there were meanwhile.

A process of the bus holds back the repeats of every library by itself (`HoldsRepeats`): there this does nothing.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable

AGAIN = 300.0
"""Seconds after which it is said again, if it is still so."""
OF_AN_OUTAGE = ("Unable connect to", "Unable to request metadata from", "Unable to update metadata from")
"""How the lines of aiokafka's client begin; each is a kind."""


class HoldsRepeats(logging.Filter):
    """The filter of a handler of the root logger that holds repeated lines back, whoever logs them."""


class Quieted(logging.Filter):
    """Lets through what is no line of an outage, and of those one for each kind and time. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._clock = clock
        self._said: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the line is said."""
        kind = next((one for one in OF_AN_OUTAGE if str(record.msg).startswith(one)), None)
        if kind is None:
            return True
        now = self._clock()
        if now - self._said.get(kind, -AGAIN) < AGAIN:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return False
        self._said[kind] = now
        if left_out := self._left_out.pop(kind, 0):
            record.msg = f"{record.msg} ({left_out} more such lines since the last)"
        return True


def quiet_aiokafka() -> None:
    """From now on its client's lines go through one of these, in this process, unless its handlers hold them back."""
    if any(isinstance(one, HoldsRepeats) for handler in logging.getLogger().handlers for one in handler.filters):
        return
    log = logging.getLogger("aiokafka")
    if not any(isinstance(one, Quieted) for one in log.filters):
        log.addFilter(Quieted())
