"""What a publisher does with its spool: everything goes through it while the other side is away, in order, and is given
up only when it was taken there.

Away: nothing was heard yet, or what was sent came to nothing. Then nobody waits: a publication is written to the spool
and returns. What was in hand when it was noticed comes first in the spool. It is emptied from its beginning; when all
of it is under way, publications go directly again, behind it.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import random
from collections.abc import Awaitable, Callable

from tocsin.connectors.publish.errors import NoRoom, NotAllowed, PublishFailed, PublishRefused, PublishUnconfirmed
from tocsin.connectors.publish.port import Receipt
from tocsin.connectors.publish.spool import Spool, SpoolFull
from tocsin.connectors.publish.stats import Counts

log = logging.getLogger("tocsin.publish")

A_BATCH, A_PROBE = 256 * 1024, 4 * 1024
"""Bytes that are under way at one time: usually, and while the other side is away."""
FIRST_PAUSE, LONGEST_PAUSE = 0.25, 5.0
"""Seconds between attempts while it is away."""
TAKE_OVER_EVERY = 30.0
"""Seconds between two looks for what processes left that ended since."""
SYNC_AFTER = 1.0

Send = Callable[[bytes], Awaitable[object]]
"""Sends what was spooled; raises a PublishFailed, or ValueError for what nobody can read."""


class Backlog:
    """Feeds a spool, and empties it by `send`; `reach` returns when the other side is there, or raises a
    PublishFailed; both are asked for several at a time, and keep the order in which they were. `address`: the other
    side's, for the log. `each_once`: what was sent although something before it was not is left out when that is sent
    again; else it is sent again behind it."""

    def __init__(
        self,
        spool: Spool,
        send: Send,
        reach: Callable[[], Awaitable[None]],
        counts: Counts,
        *,
        address: str = "the bus",
        each_once: bool = False,
    ) -> None:
        self.spool = spool
        self._send, self._reach, self._counts = send, reach, counts
        self._address, self._each_once = address, each_once
        self._early: set[bytes] = set()
        self._not_before = 0.0
        self._wake, self._moved = asyncio.Event(), asyncio.Event()
        self._draining: asyncio.Task[None] | None = None
        self._syncing: asyncio.TimerHandle | None = None
        self.away = True
        self._tried = False
        self._told = ""
        self._failed: Exception | None = None

    @property
    def holds(self) -> bool:
        """Whether publications go through the spool now."""
        return self.away or self.spool.unread

    def start(self) -> None:
        """Begin to empty the spool. Raises SpoolUnusable."""
        if self._draining is None:
            self.spool.prepare()
            self._draining = asyncio.create_task(self._drain())

    def put(self, event_id: str, record: bytes) -> Receipt:
        """Keep a record; `safe` is to be awaited after it. Raises NoRoom."""
        try:
            self.spool.append(record)
        except SpoolFull as full:
            raise NoRoom(event_id, f"nothing was kept: {full}; publish again with the same event id") from None
        self._counts.spooled += 1
        self._wake.set()
        if self._syncing is None and self.spool.sync_when == "second":
            self._syncing = asyncio.get_running_loop().call_later(SYNC_AFTER, self._sync_soon)
        return Receipt(event_id=event_id, spooled=True)

    async def safe(self, event_id: str) -> None:
        """Returns when what was put is as safe as the spool was asked to keep it. Raises PublishUnconfirmed."""
        if self.spool.sync_when == "always" and not await self._sync():
            said = f"the disk did not confirm what is in the spool: publish again with the same event id ({event_id})"
            raise PublishUnconfirmed(event_id, said)

    def note_away(self, error: Exception) -> None:
        """What was sent came to nothing, for this reason: it is logged, and again when it has changed. The other side
        may want to be left alone for some seconds."""
        self.away = True
        self._leave_alone(error)
        self._wake.set()
        reason = _reason(error)
        if reason != self._told:
            self._told = reason
            said = "%s does not take events: %s; publications go to the spool %s"
            log.warning(said, self._address, reason, self.spool.folder)

    def _leave_alone(self, error: Exception) -> None:
        if isinstance(error, PublishUnconfirmed):
            self._not_before = max(self._not_before, asyncio.get_running_loop().time() + error.retry_after)

    async def close(self, patience: float) -> None:
        """Send what is there for at most `patience` seconds, unless that was tried in vain; the rest stays in the
        spool."""
        if self._draining is None:
            return
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(patience):
                while self.spool.state.waiting and not (self.away and self._tried):
                    self._moved.clear()
                    await self._moved.wait()
        self._draining.cancel()
        await asyncio.wait([self._draining])
        self._draining = None
        if self._syncing is not None:
            self._syncing.cancel()
        await self._sync()
        self.spool.close()

    async def _drain(self) -> None:
        pause = FIRST_PAUSE
        while True:
            asked = self._not_before - asyncio.get_running_loop().time()
            if asked > 0:
                await asyncio.sleep(asked)
            try:
                moved = await self._try()
            except Exception:  # of the disk, or a fault of ours: nothing is lost by waiting
                log.exception("the spool %s cannot be emptied: trying again", self.spool.folder)
                self.spool.rewind()
                self.away = True
                moved = False
            self._tried = True
            self._moved.set()
            if moved:
                pause = FIRST_PAUSE
                continue
            if self.away:
                await asyncio.sleep(pause * random.uniform(0.8, 1.2))
                pause = min(pause * 2, LONGEST_PAUSE)
                continue
            await self._wait_for_work()

    async def _wait_for_work(self) -> None:
        self._wake.clear()
        if self.spool.unread or self.away:
            return
        try:
            async with asyncio.timeout(TAKE_OVER_EVERY):
                await self._wake.wait()
        except TimeoutError:
            self.spool.take_over()

    async def _try(self) -> bool:
        """Send some of it; whether something came of it."""
        records = self.spool.take(A_PROBE if self.away else A_BATCH)
        if not records:
            if not self.away:
                return False
            return await self._probe()
        self._failed = None
        sent = await asyncio.gather(*map(self._forward, records))
        done = sent.index(False) if False in sent else len(records)
        self.spool.ack(done)
        if done == len(records):
            self._note_there()
            return True
        if self._each_once:
            self._early.update(record for record, went in zip(records[done:], sent[done:], strict=True) if went)
        self.spool.rewind()
        failed = self._failed or RuntimeError("for no reason")
        self._counts.note_error(failed)
        self.note_away(failed)
        return False

    async def _probe(self) -> bool:
        try:
            await self._reach()
        except Exception as error:
            self._counts.note_error(error)
            self.note_away(error)
            return False
        self._note_there()
        return True

    def _note_there(self) -> None:
        self.away = False
        if self._told:
            self._told = ""
            log.warning("%s takes events again: the spool %s is being emptied", self._address, self.spool.folder)

    async def _forward(self, record: bytes) -> bool:
        """Whether the record is done with."""
        if record in self._early:
            self._early.discard(record)
            return True
        try:
            await self._send(record)
        except NotAllowed as error:
            return self._note_failed(error)
        except (PublishRefused, ValueError) as error:
            self._counts.refused += 1
            log.error("given up, since it will never be taken: event %s: %s", getattr(error, "event_id", "?"), error)
            return True
        except Exception as error:
            return self._note_failed(error)
        self._counts.drained += 1
        return True

    def _note_failed(self, error: Exception) -> bool:
        self._failed = self._failed or error
        self._leave_alone(error)
        return False

    def _sync_soon(self) -> None:
        self._syncing = None
        task = asyncio.ensure_future(self._sync())
        task.add_done_callback(_SYNCS.discard)
        _SYNCS.add(task)

    async def _sync(self) -> bool:
        """Whether the disk has all of it."""
        try:
            try:
                await asyncio.to_thread(self.spool.sync)
            except RuntimeError:  # the interpreter ends, and starts no more threads
                self.spool.sync()
        except OSError as error:
            log.error("the spool %s: the disk did not confirm what was written: %s", self.spool.folder, error)
            return False
        return True


def _reason(error: Exception) -> str:
    if not isinstance(error, PublishFailed):
        return f"{type(error).__name__}: {error}"
    return f"{error.reason}: {_NO_RIGHT}" if isinstance(error, NotAllowed) else error.reason


_NO_RIGHT = "check the API key (TOCSIN_API_KEY) or the user (TOCSIN_KAFKA_*), and the tenant (TOCSIN_TENANT)"

_SYNCS: set[asyncio.Future[bool]] = set()
