"""The fixtures that every test may use: one real Kafka for the whole run, and a topic prefix for each test."""

from __future__ import annotations

import asyncio
import gc
import os
import re
import signal
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tests.harness.databases import postgresql
from tests.harness.dealing import dealt
from tests.harness.ready_java import use_ready_java
from tocsin.streams.up.broker import EmbeddedBroker

settings.register_profile("tocsin", deadline=None)
settings.load_profile("tocsin")

KAFKA_FIXTURES = {"broker", "bootstrap", "own_broker"}
NAMES_KAFKA = re.compile(r"\b(broker|bootstrap|own_broker|mark\.kafka)\b")
"""Stands in every file of tests that need Kafka."""


# A shell starts `make test &` with it ignored, and the processes of tests inherit that: none would end by Ctrl-C.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


def pytest_xdist_auto_num_workers() -> int:
    """What `-n auto` means: five processes on two cores, for most tests wait more than half of their time; at most
    ten, for each may have two Kafkas, of half a GiB."""
    return min((os.cpu_count() or 2) * 5 // 2, 10)


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """`-m kafka` does not read the files without such tests, of which there are four hundred, with twelve thousand."""
    if config.option.markexpr != "kafka" or collection_path.suffix != ".py":
        return None
    return None if NAMES_KAFKA.search(collection_path.read_text("utf-8")) else True


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """What is collected stays until the end: looking for garbage in it is half of what collecting costs, and would go
    on with every test."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> Generator[None, object, object]:
    """Marks whatever needs Kafka with `kafka`, and runs it after all that does not. Once `-m` has chosen, what may take
    long comes first, so that no process is left alone with it in the end."""
    for item in items:
        if KAFKA_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.kafka)
    marked = {item.path for item in items if _needs_kafka(item)}
    overlooked = sorted(str(path) for path in marked if not NAMES_KAFKA.search(path.read_text("utf-8")))
    if overlooked:
        raise pytest.UsageError(f"`-m kafka` would not find the tests of {overlooked}: say pytest.mark.kafka there")
    chosen = yield
    items[:] = [item for needs in (False, True) for item in dealt([one for one in items if _needs_kafka(one) is needs])]
    return chosen


def pytest_collection_finish(session: pytest.Session) -> None:
    """Kafkas start quicker; who only collects needs none."""
    if not session.config.option.collectonly and any(map(_needs_kafka, session.items)):
        use_ready_java()


def _needs_kafka(item: pytest.Item) -> bool:
    return item.get_closest_marker("kafka") is not None


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """What a test logged travels from its process to the one that prints (xdist), which refuses lone surrogates."""
    report = yield
    report.sections = [(name, text.encode("utf-8", "replace").decode()) for name, text in report.sections]
    return report


def _running(home: Path) -> Iterator[EmbeddedBroker]:
    # From plain code, each step in a loop of its own: the broker belongs to no test's loop.
    broker = EmbeddedBroker(home)
    asyncio.run(broker.start())
    try:
        yield broker
    finally:
        asyncio.run(broker.stop())


@pytest.fixture(scope="session")
def broker(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedBroker]:
    """The one Kafka of this run. Shared: use `prefix` for your topics, and `own_broker` to kill or restart one."""
    yield from _running(tmp_path_factory.mktemp("broker"))


@pytest.fixture(scope="session")
def bootstrap(broker: EmbeddedBroker) -> str:
    """`host:port` of the shared Kafka."""
    return broker.bootstrap


@pytest.fixture(scope="session")
def postgres() -> Iterator[str]:
    """The one PostgreSQL of this process, as `harness.databases` has its address."""
    with postgresql() as server:
        yield server


@pytest.fixture
def prefix() -> str:
    """A topic prefix that no other test has, such as `t3f9a1c2e.`."""
    return f"t{uuid.uuid4().hex[:8]}."


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    """A running Kafka of this test's own, to be killed and restarted at will."""
    yield from _running(tmp_path)
