"""Values that another schema than our newest wrote, read with Avro schema resolution by fastavro.

fastavro is imported when it is needed: who only publishes never does, and it would be a tenth of what importing costs.
"""

from __future__ import annotations

from io import BytesIO
from typing import Any, cast

import msgspec

from tocsin.schemas.events import Event

FRAME_BYTES = 5
"""Length of the Confluent frame: a zero byte and the schema id."""


def parsed(schema: Any) -> Any:
    """The schema as fastavro wants it, without logical types: times stay integers, the bytes are the same.

    Raises whatever fastavro raises when it is not a schema.
    """
    import fastavro

    return fastavro.parse_schema(_without_logical_types(schema))


def read(data: bytes, writer: Any, reader: Any, event_type: type[Event]) -> tuple[Event, int]:
    """The event in a framed value and the position after it; raises whatever fastavro or msgspec raises.

    `writer` and `reader` come from `parsed`; both must have passed `tocsin.schemas.soundness`: fastavro crashes the
    process on deep recursion and builds millions of items from five bytes of `array<null>` (docs/reliability.md#bombs).
    """
    import fastavro

    source = BytesIO(data)
    source.seek(FRAME_BYTES)
    value = cast("Any", fastavro.schemaless_reader(source, writer, reader))
    return msgspec.convert(value, event_type, builtin_types=(bytes,)), source.tell()


def _without_logical_types(schema: Any) -> Any:
    match schema:
        case list():
            return [_without_logical_types(branch) for branch in schema]
        case dict():
            return {
                key: value if key == "default" else _without_logical_types(value)
                for key, value in schema.items()
                if key not in ("logicalType", "doc")
            }
        case _:
            return schema
