"""The documents that a command is given: a file, or standard input, as one document or as many."""

from __future__ import annotations

import sys
from pathlib import Path

import typer

from tocsin.connectors.dialects import AUTO, Unreadable, load_dialect
from tocsin.connectors.dialects.json_text import MAX_DEPTH, json_text, parse_json
from tocsin.streams.processes.exit_codes import USAGE, CommandFailed

Document = tuple[int, bytes]
"""The number of its first line, or its place (from 1) in an array, and its bytes."""


def existing(file: Path | None) -> Path | None:
    """A check of the argument; typer's own `exists` would look for a file called `-` (its `allow_dash` is for text)."""
    if file is not None and not _is_stdin(file) and not file.exists():
        raise typer.BadParameter(f"file {str(file)!r} does not exist.")
    return file


def bytes_of(file: Path | None) -> bytes:
    """What stands in the file; no file, or `-`, is standard input."""
    if file is None or _is_stdin(file):
        return sys.stdin.buffer.read()
    return file.read_bytes()


def name_of(file: Path | None) -> str:
    """What to call it in a message."""
    return "stdin" if _is_stdin(file) else str(file)


def documents_of(raw: bytes) -> list[Document]:
    """One document; the items of a JSON array; or, when the whole is no JSON value but some line is an object, one for
    each line that has any. An array is parsed as a whole, so the bytes of an item are its JSON written again."""
    try:
        found = parse_json(raw, max_bytes=len(raw), max_depth=MAX_DEPTH + 1)
    except Unreadable:
        lines = raw.split(b"\n")
        if not any(line.lstrip().startswith(b"{") and _is_json(line) for line in lines):
            return [(1, raw)]
        return [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    if not isinstance(found, list) or not found:
        return [(1, raw)]
    return [(number, json_text(item).encode()) for number, item in enumerate(found, 1)]


def check_dialect(dialect: str) -> None:
    """Raises CommandFailed(2) with the known ones when there is no such dialect."""
    if dialect == AUTO:
        return
    try:
        load_dialect(dialect)
    except Unreadable as unreadable:
        raise CommandFailed(USAGE, f"--dialect {dialect}: {unreadable}") from None


def _is_stdin(file: Path | None) -> bool:
    return file is None or str(file) == "-"


def _is_json(raw: bytes) -> bool:
    try:
        parse_json(raw, max_bytes=len(raw), max_depth=MAX_DEPTH + 1)
    except Unreadable:
        return False
    return True
