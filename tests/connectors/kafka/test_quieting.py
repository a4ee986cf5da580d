"""What aiokafka says while Kafka is away is said once, then now and then; all else is said."""

from __future__ import annotations

import logging

import pytest
from aiokafka.client import AIOKafkaClient

from tocsin.connectors.kafka.client import client_options
from tocsin.connectors.kafka.quieting import AGAIN, OF_AN_OUTAGE, Quieted


def record(text: str, *about: object) -> logging.LogRecord:
    return logging.LogRecord("aiokafka", logging.ERROR, "client.py", 1, text, about, None)


def test_a_line_of_an_outage_is_said_once_and_again_after_a_while() -> None:
    now = 0.0
    quieted = Quieted(lambda: now)
    lines = [record("Unable connect to node with id %s: %s", 1, "refused") for _ in range(5)]
    assert [quieted.filter(one) for one in lines] == [True, False, False, False, False]
    other = record("Unable to update metadata from %s", [1])
    assert quieted.filter(other), "another kind"
    now = AGAIN
    again = record("Unable connect to node with id %s: %s", 1, "refused")
    assert quieted.filter(again)
    assert again.getMessage() == "Unable connect to node with id 1: refused (4 more such lines since the last)"
    now = 2 * AGAIN
    last = record('Unable connect to "%s:%s": %s', "h", 1, "refused")
    assert quieted.filter(last)
    assert last.getMessage() == 'Unable connect to "h:1": refused', "none was left out meanwhile"


def test_all_else_is_said() -> None:
    quieted = Quieted(lambda: 0.0)
    assert all(quieted.filter(record("Topic %s not found", "a")) for _ in range(9))
    assert all(quieted.filter(record("")) for _ in range(9))


async def test_of_a_kafka_that_is_not_there_aiokafka_says_little(caplog: pytest.LogCaptureFixture) -> None:
    log = logging.getLogger("aiokafka")
    for one in [one for one in log.filters if isinstance(one, Quieted)]:
        log.removeFilter(one)
    for _ in range(3):
        client_options("127.0.0.1:1")
    assert sum(isinstance(one, Quieted) for one in log.filters) == 1, "once, however many clients there are"
    for _ in range(9):
        client = AIOKafkaClient(bootstrap_servers="127.0.0.1:1")
        with pytest.raises(Exception, match="Unable to bootstrap"):
            await client.bootstrap()
        await client.close()
    said = [one.getMessage() for one in caplog.records if one.getMessage().startswith(OF_AN_OUTAGE)]
    assert len(said) == 1, said
    assert said[0].startswith("Unable connect to")
