"""What the gateway was sent and is no problem, in Kafka and at the command line."""

from __future__ import annotations

import asyncio
import json
from functools import partial
from typing import Any

import pytest

from tocsin.connectors.gateway import IgnoredDocument
from tocsin.connectors.publish import KafkaAway, TopicMissing
from tocsin.streams.processes.ignored import IgnoredToDead

RAW = b'{"type": "UserCreated", "data": {}}'
DOCUMENT = IgnoredDocument(
    tenant="acme", media_type="application/json", why="an object of another kind", raw=RAW, bytes=len(RAW), sha256="ab",
    not_kept=3,
)  # fmt: skip


async def keep(bootstrap: str, prefix: str, times: int = 1) -> None:
    async with IgnoredToDead(bootstrap, prefix, 5) as ignored:
        for _ in range(times):
            await ignored.keep(DOCUMENT)


def test_they_are_listed_when_asked_for_shown_and_never_replayed(tocsin: Any, bootstrap: str, prefix: str) -> None:
    here = partial(tocsin, BOOTSTRAP=bootstrap, PREFIX=prefix, PARTITIONS="2")
    here("topics", "apply")
    asyncio.run(keep(bootstrap, prefix, times=2))
    plain = here("dead", "list")
    assert plain.stdout == "no dead letters\n"
    assert "2 documents that are no problem: --reason not_a_problem" in plain.stderr
    listed = here("dead", "list", "--reason", "not_a_problem", "--json").stdout
    letter, _ = [json.loads(line) for line in listed.splitlines()]
    assert (letter["stage"], letter["detail"], letter["bytes"]) == ("gateway", DOCUMENT.why, len(RAW))
    shown = json.loads(here("dead", "show", letter["id"], "--json").stdout)
    assert (shown["text"], shown["key"]) == (RAW.decode(), "acme")
    assert shown["headers"]["tocsin.not-kept-before"] == "3"
    refused = here("dead", "replay", letter["id"])
    assert (refused.returncode, "never was a record" in refused.stderr) == (65, True)
    assert here("dead", "replay", "--all").returncode == 1
    assert "none in the last hour" in here("doctor").stdout


async def test_without_the_topic_or_kafka_nothing_is_said_to_be_kept(bootstrap: str, prefix: str) -> None:
    with pytest.raises(TopicMissing):
        await keep(bootstrap, prefix)
    with pytest.raises(KafkaAway):
        await keep("127.0.0.1:1", prefix)
