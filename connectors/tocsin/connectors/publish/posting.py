"""Requests to a gateway in their order: one is under way, and what comes meanwhile is the next batch.

Whoever comes alone goes alone, and at once. A lane for each tenant: a request names one. A gateway that takes no
batches is sent a few requests at a time, which may change places.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice

from tocsin.connectors.publish.batches import BATCH, MOST_BYTES, BatchSize, answers_of, batch_of, item_of
from tocsin.connectors.publish.ending import end_within
from tocsin.connectors.publish.errors import GatewayAway, NoRoom, NotAllowed, PublishFailed, PublishUnconfirmed
from tocsin.connectors.publish.port import Receipt
from tocsin.connectors.publish.requests import JSON, PublishRequest, failure_of, receipt_of
from tocsin.connectors.publish.wire import NOT_IN_TIME, Answer

log = logging.getLogger("tocsin.publish")

FIRST_PAUSE, LONGEST_PAUSE = 0.2, 5.0
"""Seconds between two attempts, unless the gateway asks for more."""

Ask = Callable[[str, dict[str, str], bytes, float], Awaitable[Answer]]
"""Posts headers and a body to a path, with so much patience; never raises."""
Keep = Callable[[PublishRequest, PublishFailed], Receipt]
"""Puts what cannot be sent now into the spool. Raises NoRoom."""


@dataclass(eq=False)
class Waiting:
    """One request, and who waits for it. `spooled`: it stands in the spool, and stays there if it cannot be sent."""

    request: PublishRequest
    until: float
    spooled: bool
    answered: asyncio.Future[Receipt]

    @cached_property
    def item(self) -> bytes | None:
        """What it is in a batch; most often it need not be known."""
        return item_of(self.request)

    def end(self, outcome: Receipt | Exception) -> None:
        """Tell whoever waits, unless that was done."""
        if self.answered.done():
            return
        if isinstance(outcome, Receipt):
            self.answered.set_result(outcome)
        else:
            self.answered.set_exception(outcome)


@dataclass(slots=True, eq=False)
class Lane:
    """What waits, in order; a dict, so that what is given up leaves from the middle. `well`: the last went well."""

    queue: dict[Waiting, None] = field(default_factory=dict)
    flying: list[Waiting] = field(default_factory=list)
    worker: asyncio.Task[None] | None = None
    pause: float = 0.0
    well: bool = False


class Posting:
    """With `keep`, what cannot be sent now goes there at once, and all behind it in its order. Without, it is sent
    again until its time is over, before all behind it."""

    def __init__(self, ask: Ask, url: str, *, at_once: int, keep: Keep | None = None) -> None:
        self._ask, self._url, self._at_once, self._keep = ask, url, at_once, keep
        self._later = (PublishUnconfirmed, NotAllowed) if keep is not None else (PublishUnconfirmed,)
        self._size = BatchSize()
        self._lanes: dict[str, Lane] = {}

    async def send(self, request: PublishRequest, patience: float, *, spooled: bool = False) -> Receipt:
        """Returns when it is safe: at the gateway, or where `keep` puts it. Raises a PublishFailed."""
        loop = asyncio.get_running_loop()
        tenant = request.headers["tocsin-tenant"]
        one = Waiting(request, loop.time() + patience, spooled, loop.create_future())
        lane = self._lanes.setdefault(tenant, Lane())
        lane.queue[one] = None
        if lane.worker is None:
            lane.worker = asyncio.create_task(self._work(tenant, lane))
        try:
            await asyncio.wait([one.answered], timeout=max(patience, 0.001))
            if not one.answered.done():
                self._expire(lane, one)
            return await one.answered
        finally:
            lane.queue.pop(one, None)
            one.answered.cancel()

    async def close(self, patience: float) -> None:
        """Let what is under way end for at most so many seconds; whoever waits then is told."""
        await end_within(patience, [lane.worker for lane in self._lanes.values()])
        for lane in list(self._lanes.values()):  # a worker that was stopped before it began
            self._end_all(lane, None)

    async def settle(self, patience: float) -> None:
        """Wait until what did not come from the spool is done with, at most so many seconds."""
        lanes = self._lanes.values()
        waiting = [one.answered for lane in lanes for one in _all_of(lane) if not one.spooled]
        if waiting:
            await asyncio.wait(waiting, timeout=patience)

    async def _work(self, tenant: str, lane: Lane) -> None:
        try:
            while lane.queue:
                rest = await self._turn(lane)
                lane.flying = []
                if rest:
                    await asyncio.sleep(rest)
        except Exception as error:
            log.exception("publishing failed")
            self._end_all(lane, error)
        finally:
            self._end_all(lane, None)
            lane.worker, lane.flying = None, []
            self._lanes.pop(tenant, None)

    async def _turn(self, lane: Lane) -> float:
        """Send what is first; the seconds to wait before the next. It is under way for as long as one of it may wait:
        who may not is told by itself."""
        loop = asyncio.get_running_loop()
        most = self._size.at(loop.time())
        lane.flying = taken = _taken(lane, most, self._at_once)
        if not taken:
            return 0.0
        answers: list[Answer] | None
        if len(taken) == 1 or most == 1:
            answers = await asyncio.gather(*map(self._post, taken))
        else:
            headers = {"tocsin-tenant": taken[0].request.headers["tocsin-tenant"], "content-type": JSON}
            body = batch_of(one.item for one in taken if one.item is not None)
            patience = max(one.until for one in taken) - loop.time()
            answer = await self._ask(BATCH, headers, body, patience)
            answers = answers_of(answer, len(taken))
            if answers is None:
                self._size.not_taken(len(taken), answer.status, loop.time())
                lane.queue = dict.fromkeys([*taken, *lane.queue])
                return 0.0
        return self._settled(lane, taken, answers)

    async def _post(self, one: Waiting) -> Answer:
        request, patience = one.request, one.until - asyncio.get_running_loop().time()
        try:
            return await self._ask(request.path, request.headers, request.body, patience)
        except ValueError as error:  # a header that cannot be one
            return Answer(400, str(error))

    def _settled(self, lane: Lane, taken: list[Waiting], answers: list[Answer]) -> float:
        """Tell each of them; the seconds to wait before the next attempt."""
        later: list[Waiting] = []
        worst: Answer | None = None
        for one, answer in zip(taken, answers, strict=True):
            failed = failure_of(answer, one.request.event_id, self._url)
            if not isinstance(failed, self._later):
                one.end(failed or receipt_of(answer, one.request.event_id))
                continue
            later.append(one)
            if worst is None or answer.retry_after > worst.retry_after:
                worst = answer
        lane.well = any(200 <= answer.status < 300 for answer in answers)
        if worst is None:
            self._size.went(len(taken))
            lane.pause = 0.0
            return 0.0
        if len(later) == len(taken):
            self._size.failed()
        if self._keep is None:
            return self._again(lane, later, worst)
        self._give_up([*later, *lane.queue], worst)
        lane.queue.clear()
        return 0.0

    def _again(self, lane: Lane, later: Iterable[Waiting], answer: Answer) -> float:
        """They come first again, and who would have no time left then is told now."""
        now = asyncio.get_running_loop().time()
        lane.pause = min(lane.pause * 2, LONGEST_PAUSE) if lane.pause else FIRST_PAUSE
        rest = max(answer.retry_after, lane.pause * random.uniform(0.8, 1.2))
        waiting, lane.queue = [*later, *lane.queue], {}
        for one in waiting:
            if one.until <= now + rest:
                one.end(failure_of(answer, one.request.event_id, self._url) or PublishUnconfirmed(one.request.event_id))
            else:
                lane.queue[one] = None
        return rest if lane.queue else 0.0

    def _expire(self, lane: Lane, one: Waiting) -> None:
        """It has waited for as long as it may. What came beside and behind it goes with it to the spool, in order."""
        if self._keep is not None and not one.spooled:
            live = [each for each in _all_of(lane) if not each.spooled]
            self._give_up(live, Answer(NOT_IN_TIME))
            for each in live:
                lane.queue.pop(each, None)
        elif one in lane.flying:
            one.end(PublishUnconfirmed(one.request.event_id))
        else:
            one.end(GatewayAway(one.request.event_id, self._url, "does not take more at this time"))

    def _give_up(self, waiting: Iterable[Waiting], answer: Answer) -> None:
        """For now: into the spool, where some of it stands already."""
        assert self._keep is not None
        for one in waiting:
            failed = failure_of(answer, one.request.event_id, self._url) or PublishUnconfirmed(one.request.event_id)
            if one.spooled:
                one.end(failed)
            elif not one.answered.done():
                try:
                    one.end(self._keep(one.request, failed))
                except NoRoom as full:
                    one.end(full)

    def _end_all(self, lane: Lane, error: Exception | None) -> None:
        """Nobody works on it any more."""
        for one in _all_of(lane):
            again = f"the publisher was closed meanwhile: publish again with the same event id ({one.request.event_id})"
            one.end(error or PublishUnconfirmed(one.request.event_id, again))
        lane.queue.clear()


def _all_of(lane: Lane) -> list[Waiting]:
    return [*lane.flying, *lane.queue]


def _taken(lane: Lane, most: int, at_once: int) -> list[Waiting]:
    """What goes next, off the queue: a batch, or one that must go alone; or a few, each alone, if nothing else can be
    and the last went well."""
    taken: list[Waiting] = []
    if len(lane.queue) == 1:
        taken = [*lane.queue]
    elif most == 1:
        taken = list(islice(lane.queue, at_once if lane.well else 1))
    else:
        size = 0
        for one in islice(lane.queue, most):
            size += len(one.item or b"")
            if taken and (one.item is None or taken[0].item is None or size > MOST_BYTES):
                break
            taken.append(one)
    for one in taken:
        del lane.queue[one]
    return [one for one in taken if not one.answered.done()]
