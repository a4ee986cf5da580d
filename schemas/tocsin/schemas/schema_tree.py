"""An Avro schema as a typed tree with full names and pointers: what soundness and compatibility are checked on."""

from __future__ import annotations

import json
from typing import Any, Final

from msgspec import UNSET, Struct

PRIMITIVES: Final = frozenset({"null", "boolean", "int", "long", "float", "double", "bytes", "string"})
MAX_TEXT: Final = 256 * 1024
"""The largest schema text that is looked at, in characters."""
MAX_DEPTH: Final = 32
"""How deep types may be nested."""


class MalformedSchema(ValueError):
    """Not an Avro schema: `pointer` (RFC 6901) says where, `why` what is wrong."""

    def __init__(self, pointer: str, why: str) -> None:
        super().__init__(pointer, why)
        self.pointer = pointer
        self.why = why

    def __str__(self) -> str:
        return f"{self.pointer or '/'}: {self.why}"


class Field(Struct, frozen=True, kw_only=True):
    """A field of a record. `default` is UNSET when it has none."""

    pointer: str
    name: str
    aliases: tuple[str, ...]
    type: Node
    default: Any
    doc: str


class Node(Struct, frozen=True, kw_only=True):
    """One type: a primitive, record, enum, fixed, array, map, union, or `name` (a reference). `logical` holds the
    logical type with its parameters; `inner` the items or values; `default` an enum's (UNSET when absent)."""

    pointer: str
    kind: str
    name: str = ""
    aliases: tuple[str, ...] = ()
    logical: tuple[Any, ...] = ()
    inner: Node | None = None
    branches: tuple[Node, ...] = ()
    fields: tuple[Field, ...] = ()
    symbols: tuple[str, ...] = ()
    default: Any = UNSET
    size: int = 0


class SchemaTree(Struct, frozen=True):
    """A whole schema: its root and its named types by full name."""

    root: Node
    names: dict[str, Node]

    def resolved(self, node: Node) -> Node:
        """The type itself where `node` is a reference to it."""
        return self.names[node.name] if node.kind == "name" else node


def parse_schema_text(text: str) -> SchemaTree:
    """The tree of a schema text. Raises MalformedSchema, whatever the text."""
    if len(text) > MAX_TEXT:
        raise MalformedSchema("", f"larger than {MAX_TEXT} characters")
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as wrong:
        raise MalformedSchema("", f"not JSON: {wrong}") from wrong
    reading = _Reading()
    root = reading.node(document, "", "", 0)
    return SchemaTree(root, reading.names)


class _Reading:
    def __init__(self) -> None:
        self.names: dict[str, Node] = {}

    def node(self, schema: Any, pointer: str, namespace: str, depth: int) -> Node:
        if depth > MAX_DEPTH:
            raise MalformedSchema(pointer, f"nested deeper than {MAX_DEPTH}")
        match schema:
            case str() if schema in PRIMITIVES:
                return Node(pointer=pointer, kind=schema)
            case str():
                name = _full(schema, namespace)
                if name not in self.names:
                    raise MalformedSchema(pointer, f"no type before this is called {name}")
                return Node(pointer=pointer, kind="name", name=name)
            case list():
                branches = [self.node(each, f"{pointer}/{i}", namespace, depth + 1) for i, each in enumerate(schema)]
                return Node(pointer=pointer, kind="union", branches=tuple(branches))
            case {"type": "record" | "enum" | "fixed", "name": str(name)} if name:
                return self._named(schema, pointer, namespace, depth)
            case {"type": "array", "items": inner} | {"type": "map", "values": inner}:
                at = f"{pointer}/{'items' if schema['type'] == 'array' else 'values'}"
                return Node(pointer=pointer, kind=schema["type"], inner=self.node(inner, at, namespace, depth + 1))
            case {"type": str(primitive)} if primitive in PRIMITIVES:
                return Node(pointer=pointer, kind=primitive, logical=_logical(schema))
            case {"type": (str() | dict() | list()) as inner} if inner not in (
                "record",
                "enum",
                "fixed",
                "array",
                "map",
            ):
                return self.node(inner, f"{pointer}/type", namespace, depth + 1)
            case _:
                raise MalformedSchema(pointer, "not an Avro type")

    def _named(self, schema: dict[str, Any], pointer: str, namespace: str, depth: int) -> Node:
        namespace = _text(schema, "namespace", namespace, pointer)
        name = _full(schema["name"], namespace)
        namespace = name.rpartition(".")[0]
        if name in self.names:
            raise MalformedSchema(pointer, f"{name} is defined twice")
        base = Node(pointer=pointer, kind=schema["type"], name=name)
        self.names[name] = base
        size = schema.get("size", 0)
        if not isinstance(size, int) or (schema["type"] == "fixed" and "size" not in schema):
            raise MalformedSchema(pointer, "a fixed needs a size")
        node = Node(
            pointer=pointer,
            kind=schema["type"],
            name=name,
            aliases=tuple(_full(alias, namespace) for alias in _texts(schema, "aliases", pointer)),
            logical=_logical(schema),
            fields=self._fields(schema, pointer, namespace, depth) if schema["type"] == "record" else (),
            symbols=_texts(schema, "symbols", pointer),
            default=schema.get("default", UNSET),
            size=size,
        )
        self.names[name] = node
        return node

    def _fields(self, schema: dict[str, Any], pointer: str, namespace: str, depth: int) -> tuple[Field, ...]:
        found: list[Field] = []
        rows = schema.get("fields")
        if not isinstance(rows, list):
            raise MalformedSchema(pointer, "a record needs a list of fields")
        for number, row in enumerate(rows):
            at = f"{pointer}/fields/{number}"
            match row:
                case {"name": str(name), "type": of} if name not in {field.name for field in found}:
                    field = Field(
                        pointer=at,
                        name=name,
                        aliases=_texts(row, "aliases", at),
                        type=self.node(of, f"{at}/type", namespace, depth + 1),
                        default=row.get("default", UNSET),
                        doc=_text(row, "doc", "", at),
                    )
                    found.append(field)
                case _:
                    raise MalformedSchema(at, "a field needs a name of its own and a type")
        return tuple(found)


def _full(name: str, namespace: str) -> str:
    return name if "." in name or not namespace else f"{namespace}.{name}"


def _logical(schema: dict[str, Any]) -> tuple[Any, ...]:
    if "logicalType" not in schema:
        return ()
    return (str(schema["logicalType"]), schema.get("precision"), schema.get("scale"))


def _text(schema: dict[str, Any], key: str, otherwise: str, pointer: str) -> str:
    value = schema.get(key, otherwise)
    if not isinstance(value, str):
        raise MalformedSchema(f"{pointer}/{key}", "must be text")
    return value


def _texts(schema: dict[str, Any], key: str, pointer: str) -> tuple[str, ...]:
    value = schema.get(key, [])
    if not isinstance(value, list) or not all(isinstance(each, str) for each in value):
        raise MalformedSchema(f"{pointer}/{key}", "must be a list of texts")
    return tuple(value)
