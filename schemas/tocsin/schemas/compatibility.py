"""Whether values of one schema can be read with another: Avro's resolution rules, with logical types, which Avro's own
checkers ignore (milliseconds and microseconds are both longs, and a time read as the other is off by a thousand)."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET

from tocsin.schemas.schema_tree import Field, Node, SchemaTree
from tocsin.schemas.soundness import Finding

_PROMOTIONS: Final = {
    "long": frozenset({"int"}),
    "float": frozenset({"int", "long"}),
    "double": frozenset({"int", "long", "float"}),
    "bytes": frozenset({"string"}),
}
"""Kinds that each kind can be read from. Avro also allows bytes to be read as string; that fails on bytes that are not
UTF-8, so we do not."""


def read_findings(*, writer: SchemaTree, reader: SchemaTree, file: str) -> list[Finding]:
    """Why values of `writer` cannot be read with `reader`; empty when they can. Pointers are into the reader, whose
    name is `file`."""
    resolution = _Resolution(writer, reader, file)
    resolution.check(writer.root, reader.root)
    return resolution.findings


class _Resolution:
    def __init__(self, writer: SchemaTree, reader: SchemaTree, file: str) -> None:
        self.findings: list[Finding] = []
        self._writer = writer
        self._reader = reader
        self._file = file
        self._seen: set[tuple[str, str]] = set()

    def check(self, writer: Node, reader: Node) -> None:
        writer, reader = self._writer.resolved(writer), self._reader.resolved(reader)
        if writer.kind == "union":
            for branch in writer.branches:
                self.check(branch, reader)
        elif reader.kind == "union":
            if not any(self._readable(writer, branch) for branch in reader.branches):
                self._add(reader, f"no branch of the union reads {_name(writer)}")
        elif writer.kind in _PROMOTIONS.get(reader.kind, ()):
            self._same_logical_type(writer, reader)
        elif writer.kind != reader.kind:
            self._add(reader, f"{_name(writer)} cannot be read as {_name(reader)}")
        else:
            self._same_logical_type(writer, reader)
            self._same_kind(writer, reader)

    def _readable(self, writer: Node, reader: Node) -> bool:
        attempt = _Resolution(self._writer, self._reader, self._file)
        attempt._seen = set(self._seen)
        attempt.check(writer, reader)
        return not attempt.findings

    def _same_kind(self, writer: Node, reader: Node) -> None:
        if reader.inner and writer.inner:
            self.check(writer.inner, reader.inner)
        elif reader.name:
            if (writer.name, reader.name) in self._seen:
                return
            self._seen.add((writer.name, reader.name))
            self._named(writer, reader)

    def _named(self, writer: Node, reader: Node) -> None:
        if _short(writer.name) != _short(reader.name) and writer.name not in reader.aliases:
            self._add(reader, f"{writer.name} was renamed to {reader.name}")
        elif reader.kind == "fixed" and writer.size != reader.size:
            self._add(reader, f"the size changes from {writer.size} to {reader.size}")
        elif reader.kind == "enum":
            missing = [symbol for symbol in writer.symbols if symbol not in reader.symbols]
            if missing and reader.default is UNSET:
                self._add(reader, f"symbols {', '.join(missing)} are unknown and there is no default")
        elif reader.kind == "record":
            written = {field.name: field for field in writer.fields}
            for field in reader.fields:
                self._field(written, field)

    def _field(self, written: dict[str, Field], field: Field) -> None:
        source = next((written[name] for name in (field.name, *field.aliases) if name in written), None)
        if source is not None:
            self.check(source.type, field.type)
        elif field.default is UNSET:
            reason = f"field {field.name} is not written and has no default"
            self.findings.append(Finding(self._file, field.pointer, reason))

    def _same_logical_type(self, writer: Node, reader: Node) -> None:
        if writer.logical != reader.logical:
            was, now = (str(node.logical[0]) if node.logical else "none" for node in (writer, reader))
            self._add(reader, f"the logical type differs: {was} is read as {now}")

    def _add(self, node: Node, reason: str) -> None:
        self.findings.append(Finding(self._file, node.pointer, reason))


def _name(node: Node) -> str:
    return f"{node.kind} {node.name}" if node.name else node.kind


def _short(name: str) -> str:
    return name.rpartition(".")[2]
