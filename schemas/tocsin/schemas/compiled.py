"""A writer and a reader for one event, generated as Python source from its schema and its model.

Why not fastavro: a ProblemReported has fifty fields, and fastavro needs 44 us to write and 35 us to read one (it
validates each union branch and goes through a dict); this needs 7 and 10. Only our own shipped schemas, which a test
proves equal to the models, come here; everything else goes through `tocsin.schemas.resolving`. The tests hold both to
the same bytes.

Reading relies on three facts. Every step that moves on reads at least one byte (no zero-byte items), so a lying count
or length runs into IndexError instead of memory. A slice beyond the end is short and not an error, so the caller must
check that the position after the value is the end of the data. Positions only grow.

A model that has a `__dict__` (`dict=True`) carries the bytes it was read from, with their layout, and is written into
the next event by copying them: a Problem passes through several events unchanged. Bytes that we would have written
otherwise are not carried: what a foreign producer may spell must not travel on to stricter readers.
"""

from __future__ import annotations

import json
import typing
from collections.abc import Callable, Iterator
from enum import Enum
from types import UnionType
from typing import Any, NamedTuple, TypeAlias

import msgspec

from tocsin.schemas import varints

Kind: TypeAlias = tuple[str, Any]


class Compiled(NamedTuple):
    """`write` appends the pieces of a value through its second argument; `read` gives value and position after it.

    `write` raises whatever wrong values cause; `read` IndexError (truncated), ValueError or KeyError (malformed).
    """

    write: Callable[[Any, Callable[[bytes], None]], None]
    read: Callable[[bytes, int], tuple[Any, int]]


def compile_codec(schema: dict[str, Any], model: type[msgspec.Struct]) -> Compiled:
    """The writer and reader of a record whose fields are those of `model` (the caller's promise; tested)."""
    scope: dict[str, Any] = {
        "SHORT": varints.SHORT,
        "long_bytes": varints.long_bytes,
        "read_long": varints.read_long,
        "read_length": varints.read_length,
        "MalformedValue": varints.MalformedValue,
        "UNUSUAL": varints.unusual,
        "BYTE_OF": {False: b"\0", True: b"\1"},
        "BOOL_AT": {0: False, 1: True},
    }
    types = dict(_named_types(model))
    source = _Source(scope, types)
    source.record(schema)
    exec(compile("\n".join(source.done), f"<tocsin schema {schema['name']}>", "exec"), scope)
    return Compiled(scope[f"write_{schema['name']}"], scope[f"read_{schema['name']}"])


def _named_types(hint: Any) -> Iterator[tuple[str, type]]:
    if typing.get_origin(hint) in (list, dict, UnionType, typing.Union):
        for argument in typing.get_args(hint):
            yield from _named_types(argument)
    elif isinstance(hint, type) and issubclass(hint, msgspec.Struct | Enum):
        yield hint.__name__, hint
        if issubclass(hint, msgspec.Struct):
            for inner in typing.get_type_hints(hint).values():
                yield from _named_types(inner)


class _Source:
    """Collects functions: `done` holds the lines of finished ones."""

    def __init__(self, scope: dict[str, Any], types: dict[str, type]) -> None:
        self.done: list[str] = []
        self._scope = scope
        self._types = types
        self._named: dict[str, str] = {}
        self._sequences = 0

    def record(self, schema: dict[str, Any]) -> None:
        name, fields = schema["name"], schema["fields"]
        model = self._scope[name] = self._types[name]
        write = [f"def write_{name}(value, put):"]
        read = [f"def read_{name}(data, pos):"]
        for field in fields:
            kind = self._kind(field["type"])
            write += [f" v = value.{field['name']}", *_indented(self._write(kind))]
            read += [*_indented(self._read(kind)), f" f_{field['name']} = v"]
        arguments = ", ".join(f"{field['name']}=f_{field['name']}" for field in fields)
        if issubclass(model, msgspec.Struct) and model.__struct_config__.dict:
            self._scope[f"{name}_LAYOUT"] = json.dumps(_without_docs(schema), sort_keys=True)
            write[1:1] = [
                " carried = value.__dict__.get('read_from')",
                f" if carried is not None and carried[1] == {name}_LAYOUT: put(carried[0]); return",
            ]
            read[1:1] = [" start, unusual = pos, UNUSUAL[0]"]
            read += [
                f" v = {name}({arguments})",
                f" if UNUSUAL[0] is unusual: v.__dict__['read_from'] = (data[start:pos], {name}_LAYOUT)",
                " return v, pos",
            ]
        else:
            read.append(f" return {name}({arguments}), pos")
        self.done += [*write, *read]

    def _kind(self, schema: Any) -> Kind:
        """What to generate for a schema: (kind, detail). Generates the functions that it needs on the way."""
        match schema:
            case ["null", other]:
                return "optional", self._kind(other)
            case {"type": "array", "items": items}:
                return "array", self._sequence("array", self._kind(items))
            case {"type": "map", "values": values}:
                return "map", self._sequence("map", self._kind(values))
            case {"type": "record", "name": name}:
                self.record(schema)
                self._named[name] = "record"
                return "record", name
            case {"type": "enum", "name": name, "symbols": symbols}:
                self._enum(name, symbols)
                return "enum", name
            case {"type": str(primitive)}:
                return primitive, None
            case str(name):
                return self._named.get(name, name), name
            case _:
                raise NotImplementedError(f"no generator for {schema}")

    def _enum(self, name: str, symbols: list[str]) -> None:
        of = self._types[name]
        self._named[name] = "enum"
        self._scope[f"{name}_BYTES"] = {symbol: varints.long_bytes(index) for index, symbol in enumerate(symbols)}
        self._scope[f"{name}_AT"] = {index * 2: of(symbol) for index, symbol in enumerate(symbols)}

    def _sequence(self, kind: str, item: Kind) -> int:
        self._sequences += 1
        number = self._sequences
        is_map = kind == "map"
        self.done += [
            f"def write_items_{number}(value, put):",
            f" if value.__class__ not in {'(dict,)' if is_map else '(list, tuple)'}: raise TypeError('not a {kind}')",
            " if value: put(long_bytes(len(value)))",
            f" for {'k, v' if is_map else 'v'} in {'value.items()' if is_map else 'value'}:",
            *(_indented(_WRITE["string"].replace("v.", "k.").splitlines(), 2) if is_map else []),
            *_indented(self._write(item), 2),
            " put(b'\\0')",
            f"def read_items_{number}(data, pos):",
            f" items, first = {'{}' if is_map else '[]'}, None",
            " while True:",
            "  count, pos = read_long(data, pos)",
            "  if count == 0:",
            "   if len(items) != first: UNUSUAL[0] = object()",
            "   return items, pos",
            "  if first is None: first = count",
            "  if count < 0:",
            "   count = -count",
            "   _, pos = read_long(data, pos)",
            "  for _ in range(count):",
            *([*_indented(self._read(("string", None)), 3), "   k = v"] if is_map else []),
            *_indented(self._read(item), 3),
            f"   {'items[k] = v' if is_map else 'items.append(v)'}",
        ]
        return number

    def _write(self, kind: Kind) -> list[str]:
        """Lines that write the variable `v`."""
        name, detail = kind
        if name == "optional":
            return ["if v is None: put(b'\\0')", "else:", " put(b'\\2')", *_indented(self._write(detail))]
        return _WRITE[name].format(detail).splitlines()

    def _read(self, kind: Kind) -> list[str]:
        """Lines that read the variable `v` from `data` at `pos` and move `pos` on."""
        name, detail = kind
        if name == "optional":
            branch = [
                "n = data[pos]",
                "pos += 1",
                "if n == 0: v = None",
                "elif n == 2:",
                *_indented(self._read(detail)),
            ]
            return [*branch, "else: raise MalformedValue('no such branch of a union')"]
        return _READ[name].format(detail).splitlines()


def _without_docs(schema: Any) -> Any:
    """What decides the bytes of a value: the schema without its words."""
    if isinstance(schema, dict):
        return {key: _without_docs(value) for key, value in schema.items() if key != "doc"}
    return [_without_docs(one) for one in schema] if isinstance(schema, list) else schema


def _indented(lines: list[str], by: int = 1) -> list[str]:
    return [" " * by + line for line in lines]


_WRITE = {
    "string": "b = v.encode()\nn = len(b)\nput((SHORT[n] if n < 1024 else long_bytes(n)) + b)",
    "bytes": "n = len(v)\nput(SHORT[n] if n < 1024 else long_bytes(n))\nput(v)",
    "long": "put(SHORT[v] if 0 <= v < 1024 else long_bytes(v))",
    "boolean": "put(BYTE_OF[v])",
    "enum": "put({0}_BYTES[v])",
    "record": "write_{0}(v, put)",
    "array": "if v or v.__class__ is not list: write_items_{0}(v, put)\nelse: put(b'\\0')",
    "map": "if v or v.__class__ is not dict: write_items_{0}(v, put)\nelse: put(b'\\0')",
}

_LENGTH = "n = data[pos]\npos += 1\nif n & 129: n, pos = read_length(data, pos - 1)\nelse: n >>= 1\nend = pos + n\n"
_READ = {
    "string": _LENGTH + "v = data[pos:end].decode()\npos = end",
    "bytes": _LENGTH + "v = data[pos:end]\npos = end",
    "long": "n = data[pos]\nif n & 128: v, pos = read_long(data, pos)\nelse:\n v = (n >> 1) ^ -(n & 1)\n pos += 1",
    "boolean": "v = BOOL_AT[data[pos]]\npos += 1",
    "enum": "v = {0}_AT[data[pos]]\npos += 1",
    "record": "v, pos = read_{0}(data, pos)",
    "array": "if data[pos]: v, pos = read_items_{0}(data, pos)\nelse:\n v = []\n pos += 1",
    "map": "if data[pos]: v, pos = read_items_{0}(data, pos)\nelse:\n v = {{}}\n pos += 1",
}
