"""Fetches what a mediator keeps for us, round by round: asked for, dealt with, and only then acknowledged.

Who is killed in between fetches the same messages again; that they are one event each is the receiver's doing.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable
from enum import StrEnum

from tocsin.connectors.didcomm.mediator.messages import (
    MAX_ATTACHMENTS,
    MediatorRefused,
    Waiting,
    count_of,
    delivered,
    delivery_request,
    messages_received,
    status_request,
)
from tocsin.connectors.didcomm.mediator.talking import Mediator, TooMuch
from tocsin.connectors.didcomm.port import Fault, Unpackable

log = logging.getLogger(__name__)

AT_ONCE = 10
"""How many messages are asked for at a time."""
JITTER = 0.2
"""By which part of itself the interval varies, so that gateways do not ask together."""
GIVE_UP = 10
"""How often a message is tried of which nobody can say yet whether it is genuine; then it is let go."""
MOST_TRIED = 1000
LONGEST = 300.0
"""Seconds between two rounds at most while the mediator does not answer."""


class Taken(StrEnum):
    """What became of a message that was fetched."""

    DONE = "done"
    """Dealt with for good, whether published or refused."""

    LATER = "later"
    """Not now: Kafka is away, or too much comes at once."""

    UNSURE = "unsure"
    """Its sender cannot be looked up: perhaps another time."""


Take = Callable[[bytes], Awaitable[Taken]]
"""Deals with one envelope; whatever it returns, or raises, is final for this round."""


class Pickup:
    """Asks a mediator every `interval` seconds, and at once while more waits."""

    def __init__(
        self, mediator: Mediator, take: Take, interval: float, count: Callable[[str], None] = lambda result: None
    ) -> None:
        """`count` is called with the result of each round: `fetched`, `empty`, `refused` or `failed`."""
        self._mediator, self._take, self._interval, self._count = mediator, take, interval, count
        self._limit = AT_ONCE
        self._tried: Counter[str] = Counter()

    async def run(self) -> None:
        """Fetch until cancelled; nothing that a mediator does ends it."""
        failures = 0
        while True:
            try:
                again = await self.round()
                failures = 0
            except Exception as error:  # of the network, of the mediator, of a library: the next round may go well
                failures += 1
                again = False
                self._count("refused" if isinstance(error, MediatorRefused) else "failed")
                log.warning("pickup at %s: %s: %s", self._mediator.did[:100], type(error).__name__, error)
            if not again:
                wait = min(self._interval * 2 ** min(failures, 8), max(LONGEST, self._interval))
                await asyncio.sleep(wait * random.uniform(1 - JITTER, 1 + JITTER))

    async def round(self) -> bool:
        """One round; whether there is more to fetch at once. Raises what `Mediator.ask` raises."""
        mediator = self._mediator
        if count_of(await mediator.ask(status_request())) == 0:
            self._count("empty")
            return False
        try:
            waiting = delivered(await mediator.ask(delivery_request(self._asked_for())))
        except (TooMuch, Unpackable) as error:
            if isinstance(error, Unpackable) and error.reason is not Fault.TOO_LARGE:
                raise
            if self._limit == 1:
                raise
            self._limit = max(1, self._limit // 2)
            return True
        self._limit = min(AT_ONCE, self._limit + 1)
        done = await self._deal_with(waiting)
        if done:
            await mediator.ask(messages_received(done))
            self._count("fetched")
        return bool(done)

    async def _deal_with(self, waiting: list[Waiting]) -> list[str]:
        """The ids of those that need not be kept any more, in their order. The first that must wait ends the round:
        what stands behind it would wait for the same, and order is kept."""
        done: list[str] = []
        for each in waiting:
            taken = Taken.DONE if each.content is None else await self._take(each.content)
            if each.content is None:
                log.warning("pickup: message %r has no content that could be read; it is let go", each.id[:100])
            if taken is Taken.LATER:
                break
            if taken is Taken.UNSURE and not self._gives_up(each.id):
                continue
            self._tried.pop(each.id, None)
            done.append(each.id)
        return done

    def _asked_for(self) -> int:
        """Those that are tried again stand before the others, and must not keep them back."""
        return min(self._limit + len(self._tried), MAX_ATTACHMENTS) if self._limit > 1 else 1

    def _gives_up(self, ident: str) -> bool:
        self._tried[ident] += 1
        if len(self._tried) > MOST_TRIED:
            self._tried.clear()
        return self._tried[ident] >= GIVE_UP
