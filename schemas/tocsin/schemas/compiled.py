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
from itertools import groupby
from types import UnionType
from typing import Any, NamedTuple, TypeAlias

import msgspec

from tocsin.schemas import varints

Kind: TypeAlias = tuple[str, Any]
Run: TypeAlias = list[tuple[str, Kind]]


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
        "SHORT_THERE": tuple(b"\2" + short for short in varints.SHORT),
        "long_bytes": varints.long_bytes,
        "read_long": varints.read_long,
        "read_length": varints.read_length,
        "MalformedValue": varints.MalformedValue,
        "UNUSUAL": varints.unusual,
        "BYTE_OF": {False: b"\0", True: b"\1"},
        "BOOL_AT": {0: False, 1: True},
        "LONG_AT": varints.LONG_AT,
        "LENGTH_AT": varints.LENGTH_AT,
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
        runs = list(_runs([(field["name"], self._kind(field["type"])) for field in fields]))
        wide = len(fields) > _ARGUMENTS and all(_is_default(model, *field) for run in runs for field in run)
        if wide:
            read.append(" f = {}")
        into = "f['{}']" if wide else "f_{}"
        arguments = "**f" if wide else ", ".join(f"{field['name']}=f_{field['name']}" for field in fields)
        for run in runs:
            write += _indented(self._write_run(run))
            read += _indented(self._read_run(run, into, wide))
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

    def _write_run(self, run: Run) -> list[str]:
        """Lines that write these fields: all at once where they are empty, as most of an event's are."""
        if len(run) < _RUN:
            return [line for name, kind in run for line in (f"v = value.{name}", *self._write(kind))]
        empty = " and ".join(
            f"value.{name} is None" if kind == "optional" else f"value.{name} == {_EMPTY[kind]}"
            for name, (kind, _) in run
        )
        half = len(run) // 2
        others = [*self._write_run(run[:half]), *self._write_run(run[half:])]
        return [f"if {empty}: put({bytes(len(run))!r})", "else:", *_indented(others)]

    def _read_run(self, run: Run, into: str, wide: bool) -> list[str]:
        """Lines that read these fields, all at once where each is a zero byte; those of a `wide` record into arguments,
        of which the empty ones are left out: the model has them as defaults."""
        if len(run) < _RUN:
            return [line for name, kind in run for line in self._read(kind, into.format(name), wide)]
        half, size = len(run) // 2, len(run)
        others = [*self._read_run(run[:half], into, wide), *self._read_run(run[half:], into, wide)]
        empty = [] if wide else [f"{into.format(name)} = {_EMPTY[kind]}" for name, (kind, _) in run]
        return [
            f"if data[pos:pos + {size}] == {bytes(size)!r}:", *_indented([*empty, f"pos += {size}"]),
            "else:", *_indented(others),
        ]  # fmt: skip

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
            *_indented(self._read(("long", None), "count"), 2),
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
        if name != "optional":
            return _WRITE[name].format(detail).splitlines()
        inner = detail[0]
        there = [_WRITE_THERE] if inner == "string" else ["put(b'\\2')", *self._write(detail)]
        return ["if v is None: put(b'\\0')", "else:", *_indented("\n".join(there).splitlines())]

    def _read(self, kind: Kind, into: str = "v", wide: bool = False) -> list[str]:
        """Lines that read a variable from `data` at `pos` and move `pos` on; when `wide`, not an empty one."""
        name, detail = kind
        empty = [] if wide else [f" {into} = {_EMPTY.get(name)}"]
        match name:
            case "optional":
                there = [" if data[pos] != 2: raise MalformedValue('no such branch of a union')", " pos += 1"]
                return ["if data[pos]:", *there, *_indented(self._read(detail, into)), "else:", *empty, " pos += 1"]
            case "array" | "map":
                return [f"if data[pos]: {into}, pos = read_items_{detail}(data, pos)", "else:", *empty, " pos += 1"]
        return _READ[name].format(detail, v=into).splitlines()


def _is_default(model: type[msgspec.Struct], name: str, kind: Kind) -> bool:
    """Whether the model has this field empty by itself, if it may be empty."""
    if kind[0] not in _EMPTY:
        return True
    field = next(field for field in msgspec.structs.fields(model) if field.name == name)
    return field.default is None if kind[0] == "optional" else field.default_factory in (list, dict)


def _runs(fields: Run) -> Iterator[Run]:
    """The fields in their order: those that may be empty, and stand side by side, together; others by themselves."""
    for may_be_empty, run in groupby(fields, lambda field: field[1][0] in _EMPTY):
        if may_be_empty:
            yield list(run)
        else:
            yield from ([field] for field in run)


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

_WRITE_THERE = "b = v.encode()\nn = len(b)\nput((SHORT_THERE[n] if n < 1024 else b'\\2' + long_bytes(n)) + b)"
"""A string that is one of a union with null: as most are, and in one piece."""

_EMPTY = {"optional": "None", "array": "[]", "map": "{}"}
"""What may be a single zero byte, and what that is."""
_ARGUMENTS = 15
"""How many keyword arguments Python passes without making a dict of them."""
_RUN = 3
"""How many of them are worth one look at all."""

_LENGTH = "n = LENGTH_AT[data[pos]]\npos += 1\nif n is None: n, pos = read_length(data, pos - 1)\nend = pos + n\n"
_READ = {
    "string": _LENGTH + "{v} = data[pos:end].decode()\npos = end",
    "bytes": _LENGTH + "{v} = data[pos:end]\npos = end",
    "long": "{v} = LONG_AT[data[pos]]\nif {v} is None: {v}, pos = read_long(data, pos)\nelse: pos += 1",
    "boolean": "{v} = BOOL_AT[data[pos]]\npos += 1",
    "enum": "{v} = {0}_AT[data[pos]]\npos += 1",
    "record": "{v}, pos = read_{0}(data, pos)",
}
