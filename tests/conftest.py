"""The fixtures that every test may use: one real Kafka for the whole run, and a topic prefix for each test."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from hypothesis import settings

from tocsin.streams.up.broker import EmbeddedBroker

settings.register_profile("tocsin", deadline=None)
settings.load_profile("tocsin")

KAFKA_FIXTURES = {"broker", "bootstrap", "own_broker"}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Marks whatever needs Kafka with `kafka`, and runs it after all that does not."""
    for item in items:
        if KAFKA_FIXTURES & set(getattr(item, "fixturenames", ())):
            item.add_marker(pytest.mark.kafka)
    items.sort(key=lambda item: item.get_closest_marker("kafka") is not None)


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


@pytest.fixture
def prefix() -> str:
    """A topic prefix that no other test has, such as `t3f9a1c2e.`."""
    return f"t{uuid.uuid4().hex[:8]}."


@pytest.fixture
def own_broker(tmp_path: Path) -> Iterator[EmbeddedBroker]:
    """A running Kafka of this test's own, to be killed and restarted at will."""
    yield from _running(tmp_path)
