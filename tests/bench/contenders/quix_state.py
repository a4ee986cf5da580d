"""Quix Streams with state (RocksDB and changelog), the same fold. Arguments: bootstrap prefix events."""

from __future__ import annotations

import sys
import tempfile
from typing import Any

from quixstreams import Application

from tests.bench.workload import Stopwatch, counted
from tocsin.schemas.codec import decode_as, encode
from tocsin.schemas.events import ActivityObserved


def main(bootstrap: str, prefix: str, events: int) -> None:
    watch = Stopwatch(events)
    app = Application(
        broker_address=bootstrap, consumer_group=f"{prefix}quix", auto_offset_reset="earliest",
        state_dir=tempfile.mkdtemp(), commit_interval=1.0, auto_create_topics=True,
        producer_extra_config={"linger.ms": 5, "enable.idempotence": True}, loglevel="ERROR",
    )  # fmt: skip
    source = app.topic(f"{prefix}in", key_deserializer="bytes", value_deserializer="bytes")
    target = app.topic(f"{prefix}quix-out", key_serializer="bytes", value_serializer="bytes")

    def fold(value: bytes, state: Any) -> bytes:
        watch.begin()
        event = decode_as(value, ActivityObserved)
        count = (state.get("count") or 0) + 1
        state.set("count", count)
        watch.count(1)
        return encode(counted(event, count))

    app.dataframe(source).apply(fold, stateful=True).to_topic(target)
    app.run(count=events, timeout=120)
    watch.tell()


main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
