"""What comes in between in the thread that publishes: a handler of signals, a `__del__` that logs."""

from __future__ import annotations

import asyncio
import threading
from concurrent.futures import Future
from typing import Any

import pytest

from tocsin.connectors.publish import MemoryPublisher, NoRoom, Receipt, problem
from tocsin.connectors.publish.losses import Losses
from tocsin.connectors.publish.port import InboxEvent
from tocsin.connectors.publish.stats import Counts, PublisherStats
from tocsin.connectors.publish.threads import SyncPublisher, _Running


class Kept(MemoryPublisher):
    def stats(self) -> PublisherStats:
        return PublisherStats.of(Counts(), 0, False, None)


def test_a_handler_of_signals_may_publish_while_its_thread_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """It, or a `__del__` that logs, comes in between anywhere: here where locks are held."""
    publisher, deep, ids = SyncPublisher(Kept), threading.Event(), list[str]()
    send, ran = _Running.send, asyncio.run_coroutine_threadsafe

    def interrupted(self: _Running, event: InboxEvent, losses: Losses | None = None) -> Future[Receipt]:
        handler()
        return send(self, event, losses)

    def interrupted_deeper(coroutine: Any, loop: asyncio.AbstractEventLoop) -> Future[Receipt]:
        handler()
        return ran(coroutine, loop)

    def handler() -> None:
        if not deep.is_set():
            deep.set()
            ids.append(publisher.submit(problem("e.p.handler")).result(60).event_id)
            deep.clear()

    def work() -> None:
        for where, how in ((_Running, interrupted), (asyncio, interrupted_deeper)):
            with monkeypatch.context() as patch:
                patch.setattr(where, "send" if where is _Running else "run_coroutine_threadsafe", how)
                ids.append(publisher.submit(problem("e.p.x")).result(60).event_id)

    thread = threading.Thread(target=work, daemon=True)
    with publisher:
        thread.start()
        thread.join(60)
        assert not thread.is_alive(), "it waits for itself"
        assert publisher.flush(60)
    assert len(set(ids)) == 4


def test_a_handler_of_signals_while_the_thread_is_started_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    publisher = SyncPublisher(Kept)
    refused: list[type[Exception]] = []

    def interrupted(self: Future[Any], timeout: float | None = None) -> Any:
        try:
            publisher.start()
        except NoRoom as error:
            refused.append(type(error))
        return result(self, timeout)

    result = Future.result
    with monkeypatch.context() as patch:
        patch.setattr(Future, "result", interrupted)
        thread = threading.Thread(target=publisher.start, daemon=True)
        thread.start()
        thread.join(60)
    assert refused == [NoRoom]
    assert publisher.publish(problem("e.p.x")).event_id
    publisher.close()
