"""Prepares a new version of an event's schema: `python -m tests.schemas.new_version EVENT` (`problem_reported`).

The first call copies the newest .avsc to the next version. Change the copy and the model, then call it again: it writes
the row of the lock file (next free id), that of schemas/README.md, and a golden value in which every field is set.
A version that is in the lock file is left alone; to write it anew before it is released, take its row out first.
"""

from __future__ import annotations

import json
import subprocess
import sys
from enum import Enum
from pathlib import Path
from types import UnionType
from typing import Any, Union, get_args, get_origin, get_type_hints

import msgspec

from tocsin.schemas.codec import decode, encode
from tocsin.schemas.events import EVENTS
from tocsin.schemas.lock import LOCK_FILE, SchemaEntry, fingerprint, locked_rows

ROOT = Path(__file__).parents[2]
SCHEMAS = ROOT / "schemas" / "tocsin" / "schemas"
README = ROOT / "schemas" / "README.md"
GOLDEN = Path(__file__).parent / "golden"


def prepare(event: str) -> str:
    """Take the next step for an event; what to do now, for a person. Raises SystemExit for an event that is not."""
    rows = [row for row in locked_rows() if row.file.startswith(f"{event}.v")]
    if not rows:
        raise SystemExit(f"there is no schema {event}; there are {', '.join(sorted(_events()))}")
    newest = max(rows, key=lambda row: row.version or 0)
    copy = f"{event}.v{(newest.version or 0) + 1}.avsc"
    text = (SCHEMAS / "avsc" / newest.file).read_text("utf-8")
    file = SCHEMAS / "avsc" / copy
    if not file.exists():
        file.write_text(text, "utf-8")
        return f"{copy} is a copy of {newest.file}: change it and the model {newest.event_name}, then call this again"
    changed = fingerprint(file.read_text("utf-8"))
    if changed == newest.fingerprint:
        raise SystemExit(f"{copy} says the same as {newest.file}: change it first")
    row = msgspec.structs.replace(
        newest, id=max(each.id for each in locked_rows()) + 1, version=(newest.version or 0) + 1, file=copy,
        fingerprint=changed,
    )  # fmt: skip
    lock, readme = SCHEMAS / LOCK_FILE, README.read_text("utf-8")
    lock.write_text(with_row(lock.read_text("utf-8"), row), "utf-8")
    README.write_text(with_line(readme, row), "utf-8")
    # in a process of its own: this one has read the lock file as it was
    subprocess.run([sys.executable, "-m", __spec__.name, "--golden", newest.file, copy], cwd=ROOT, check=True)
    return f"{copy} has id {row.id} and a golden value: tocsin schemas check, and the tests in tests/schemas"


def with_row(lock: str, row: SchemaEntry) -> str:
    """The text of the lock file with one row more at its end."""
    fields = {name: getattr(row, name) for name in ("id", "subject", "version", "file", "fingerprint")}
    head, end = lock.rstrip().removesuffix("]\n}").rstrip(), "\n  ]\n}\n"
    return f"{head},\n    {json.dumps(fields)}{end}"


def with_line(readme: str, row: SchemaEntry) -> str:
    """The text of the README with a line more at the end of its table of schemas."""
    lines = readme.split("\n")
    known = [number for number, line in enumerate(lines) if line.endswith("|") and ".avsc`" in line]
    topic = next(lines[number].split("|")[5] for number in known if f"| {row.event_name} |" in lines[number])
    line = f"| {row.id} | {row.event_name} | {row.version} | `{row.file}` |{topic}|"
    return "\n".join([*lines[: known[-1] + 1], line, *lines[known[-1] + 1 :]])


def write_golden(before: str, after: str) -> None:
    """The golden value of a new version: that of the version before it, and a value for each field that has none."""
    event = filled(decode((GOLDEN / before).with_suffix(".bin").read_bytes()))
    (GOLDEN / after).with_suffix(".bin").write_bytes(encode(event))
    shown = {"event": type(event).__name__, "fields": msgspec.to_builtins(event)}
    (GOLDEN / after).with_suffix(".json").write_text(json.dumps(shown, indent=1, ensure_ascii=False) + "\n", "utf-8")


def filled(value: Any) -> Any:
    """The same struct with a value for each field that has its default, also within structs."""
    hints, changes = get_type_hints(type(value)), {}
    for field in msgspec.structs.fields(value):
        given = getattr(value, field.name)
        if isinstance(given, msgspec.Struct):
            changes[field.name] = filled(given)
        elif given in (field.default, None, [], {}, b""):
            changes[field.name] = not given if given is True else _made_up(hints[field.name], field.name)
    return msgspec.structs.replace(value, **changes)


def _made_up(hint: Any, name: str) -> Any:
    arguments = get_args(hint)
    match get_origin(hint):
        case None if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
            hints = get_type_hints(hint)
            return hint(**{each: _made_up(of, each) for each, of in hints.items()})
        case None if isinstance(hint, type) and issubclass(hint, Enum):
            return list(hint)[-1]
        case None:
            plain: dict[Any, Any] = {str: f"{name}-value", bytes: b"\x00\xff", int: 151, bool: True, float: 1.5}
            return plain[hint]
        case origin if origin in (Union, UnionType):
            return _made_up(arguments[0], name)
        case origin if origin is dict:
            return {f"{name}-key": _made_up(arguments[1], name)}
        case origin if origin is list:
            return [_made_up(arguments[0], name)]
    return arguments[0]  # a Literal


def _events() -> set[str]:
    return {row.file.partition(".")[0] for row in locked_rows() if row.event_name in EVENTS}


if __name__ == "__main__":
    match sys.argv[1:]:
        case ["--golden", before, after]:
            write_golden(before, after)
        case [event]:
            print(prepare(event))
        case _:
            raise SystemExit(__doc__)
