"""What a schema of ours may not have, whatever it is compared with: what would let a small value cost much to read."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from msgspec import UNSET, Struct

from tocsin.schemas.schema_tree import Node, SchemaTree

MAX_EXPANDED: Final = 5_000
"""How many types a schema may have once every reference is written out (ten nested tens are ten thousand million)."""

MAX_TYPES_PER_BYTE: Final = 64
"""How many types an array item may have for each byte that it takes at least."""

_BYTES: Final = {"null": 0, "float": 4, "double": 8}


class Finding(Struct, frozen=True):
    """Something wrong with a schema: the file, an RFC 6901 pointer into it, and the reason in plain words."""

    file: str
    pointer: str
    reason: str

    def __str__(self) -> str:
        return f"{self.file}#{self.pointer}: {self.reason}"


class _Weight(NamedTuple):
    least_bytes: int
    types: int


def soundness_findings(tree: SchemaTree, file: str) -> list[Finding]:
    """Recursion, array items of zero bytes, explosive references, enums without a default, defaults that do not fit
    (docs/reliability.md#bombs: each of the first three kills a process with a few bytes)."""
    weighing = _Weighing(tree, file)
    total = weighing.weigh(tree.root)
    if total.types > MAX_EXPANDED:
        weighing.add(tree.root, f"expands to {total.types} types, more than {MAX_EXPANDED}")
    if tree.root.kind != "record":
        weighing.add(tree.root, "an event is a record")
    return list(dict.fromkeys(weighing.findings))


class _Weighing:
    """Weighs each named type once, so that the cost does not grow with the expansion."""

    def __init__(self, tree: SchemaTree, file: str) -> None:
        self.findings: list[Finding] = []
        self._tree = tree
        self._file = file
        self._open: set[str] = set()
        self._done: dict[str, _Weight] = {}

    def add(self, node: Node, reason: str) -> None:
        self.findings.append(Finding(self._file, node.pointer, reason))

    def weigh(self, node: Node) -> _Weight:
        match node.kind:
            case "name" | "record":
                return self._named(node)
            case "array" | "map":
                return self._items(node)
            case "union":
                weights = [self.weigh(branch) for branch in node.branches]
                return _Weight(1 + min((w.least_bytes for w in weights), default=0), 1 + sum(w.types for w in weights))
            case "enum":
                if node.default is UNSET or node.default not in node.symbols:
                    self.add(node, "an enum needs a default among its symbols, for symbols that come later")
                return _Weight(1, 1)
            case "fixed":
                return _Weight(max(node.size, 0), 1)
            case _:
                return _Weight(_BYTES.get(node.kind, 1), 1)

    def _items(self, node: Node) -> _Weight:
        assert node.inner is not None
        inner = self.weigh(node.inner)
        least_bytes = inner.least_bytes + (1 if node.kind == "map" else 0)  # a key takes at least its length
        if least_bytes == 0:
            self.add(node, "items of zero bytes: five bytes would make millions of them")
        elif inner.types > MAX_TYPES_PER_BYTE * least_bytes:
            self.add(node, f"items of {inner.types} types that may take only {least_bytes} bytes")
        return _Weight(1, 1 + inner.types)

    def _named(self, node: Node) -> _Weight:
        if node.name in self._open:
            self.add(node, f"recursion through {node.name}")
            return _Weight(1, 1)
        if node.name not in self._done:
            self._open.add(node.name)
            self._done[node.name] = self._record(self._tree.resolved(node))
            self._open.discard(node.name)
        return self._done[node.name]

    def _record(self, node: Node) -> _Weight:
        if node.kind != "record":
            return self.weigh(node)
        weights = []
        for field in node.fields:
            weights.append(self.weigh(field.type))
            if field.default is not UNSET and not _fits(field.default, field.type, self._tree, 0):
                self.findings.append(
                    Finding(self._file, f"{field.pointer}/default", "the default does not fit the type")
                )
        return _Weight(sum(w.least_bytes for w in weights), 1 + sum(w.types for w in weights))


def _fits(value: Any, node: Node, tree: SchemaTree, depth: int) -> bool:
    """Whether a JSON default is one of the type: for a union, of its first branch (Avro 1.11)."""
    node = tree.resolved(node)
    if depth > 64:
        return False
    match node.kind:
        case "null":
            return value is None
        case "boolean":
            return isinstance(value, bool)
        case "int" | "long":
            return isinstance(value, int) and not isinstance(value, bool)
        case "float" | "double":
            return isinstance(value, int | float) and not isinstance(value, bool)
        case "string":
            return isinstance(value, str)
        case "bytes" | "fixed":
            return isinstance(value, str) and all(ord(each) < 256 for each in value)
        case "enum":
            return value in node.symbols
        case "union":
            return bool(node.branches) and _fits(value, node.branches[0], tree, depth + 1)
        case _:
            return _fits_compound(value, node, tree, depth)


def _fits_compound(value: Any, node: Node, tree: SchemaTree, depth: int) -> bool:
    if node.kind == "record":
        return isinstance(value, dict) and all(
            _fits(value[field.name], field.type, tree, depth + 1) if field.name in value else field.default is not UNSET
            for field in node.fields
        )
    assert node.inner is not None
    if node.kind == "array":
        return isinstance(value, list) and all(_fits(each, node.inner, tree, depth + 1) for each in value)
    return isinstance(value, dict) and all(_fits(each, node.inner, tree, depth + 1) for each in value.values())
