"""One timer for all deadlines, on a clock that jumps."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

import pytest
import uvloop

from tests.simulation.virtual_loop import VirtualLoop, run_virtually
from tocsin.connectors.publish.bounds import SLOT, Deadlines
from tocsin.connectors.publish.lanes import Outgoing


async def what_expires(loop: VirtualLoop) -> None:
    expired: dict[str, float] = {}

    def expire(record: Outgoing) -> None:
        expired[record.event_id] = loop.time()

    deadlines = Deadlines(0.4, expire)
    started = loop.time()
    records = {name: Outgoing(name, b"", b"", [], 0) for name in ("kept", "taken off", "begun before")}
    deadlines.watch(records["kept"], started)
    deadlines.forget(deadlines.watch(records["taken off"], started), records["taken off"])
    deadlines.watch(records["begun before"], started - 0.35)
    await asyncio.sleep(0.7)
    assert expired.keys() == {"kept", "begun before"}
    assert 0.4 <= expired["kept"] - started < 0.4 + 2 * SLOT
    assert 0.05 <= expired["begun before"] - started < 0.05 + 2 * SLOT
    late = Outgoing("later", b"", b"", [], 0)
    deadlines.watch(late, loop.time())
    await asyncio.sleep(0.7)
    assert "later" in expired, "the timer starts again after it had nothing to do"
    deadlines.close()


def test_what_is_not_taken_off_expires_never_early_and_little_late() -> None:
    loop = VirtualLoop()
    run_virtually(loop, what_expires(loop))


async def what_is_over_at_once() -> None:
    expired: list[str] = []
    deadlines = Deadlines[str](0.4, expired.append)
    now = asyncio.get_running_loop().time()
    deadlines.watch("long over", now - 10)
    deadlines.watch("over soon", now)
    while not expired:  # noqa: ASYNC110 - the next turn, or the one after it
        await asyncio.sleep(0)
    deadlines.close()
    assert expired[0] == "long over"


@pytest.mark.parametrize("loop", [asyncio.new_event_loop, uvloop.new_event_loop], ids=["asyncio", "uvloop"])
def test_one_that_is_over_when_it_comes_does_not_disturb_the_next(
    loop: Callable[[], asyncio.AbstractEventLoop],
) -> None:
    with asyncio.Runner(loop_factory=loop) as runner:
        runner.run(what_is_over_at_once())
