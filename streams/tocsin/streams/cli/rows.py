"""The rows that an agent keeps, read back from its changelog: what stands now, as its last owner wrote it."""

from __future__ import annotations

from collections.abc import Collection
from contextlib import aclosing
from typing import Any

from tocsin.streams.cli.records import records_of
from tocsin.streams.engine.changelog import Replay, is_owner_record, row_key
from tocsin.streams.engine.kafka_log import record_from
from tocsin.streams.engine.rows import RowStore
from tocsin.streams.rules.state import ROW_VERSION, Row, decode_row, encode_row
from tocsin.streams.settings import Settings
from tocsin.streams.topology import topic_name


async def rows_of(settings: Settings, agent: str, kinds: Collection[str]) -> list[tuple[tuple[str, ...], Any]]:
    """The rows of these kinds (`case`, `endpoint`) with the parts of their keys after the kind. The changelog is read
    whole, and only these rows are kept. Raises as `records_of`, and RowUnreadable (a row of a later release)."""
    topic = topic_name(settings.prefix, f"{agent}-changelog")
    wanted = tuple(f"{kind}/" for kind in kinds)
    replays: dict[int, Replay] = {}
    async with aclosing(records_of(settings, topic)) as found:
        async for each in found:
            record = record_from(each, topic)
            key = row_key(record)
            if is_owner_record(record) or (key is not None and key.startswith(wanted)):
                if each.partition not in replays:
                    replays[each.partition] = Replay(RowStore(encode_row, _decoded, ROW_VERSION))
                replays[each.partition].read(record)
    rows = []
    for replay in replays.values():
        found_rows = ((key, replay.rows.get(key)) for key, _ in replay.rows.items())
        rows += [(_parts(key), row) for key, row in found_rows if row is not None]
    return rows


def _decoded(data: bytes, version: int) -> Row:
    return decode_row(data, version)


def _parts(key: str) -> tuple[str, ...]:
    """The parts of a row's key as they were before `keys.key_part` escaped them."""
    return tuple(part.replace("%2F", "/").replace("%25", "%") for part in key.split("/")[1:])
