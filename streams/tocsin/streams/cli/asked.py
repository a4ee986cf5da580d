"""A command about a case as it was typed, and the line that tells what became of it: for both ways of asking."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from tocsin.connectors.printable import printable


class Asked(Struct, frozen=True):
    """A command as it was typed: `kind` is that of a CommandKind, `given` its members, None for those not given."""

    kind: str
    target: str
    given: Mapping[str, object]
    tenant: str | None
    key: str | None
    wait: str
    as_json: bool


WORDS = {
    "done": "done",
    "already_so": "nothing to do",
    "kept": "not done",
    "not_found": "not done",
    "refused": "refused",
    "unknown": "not known",
}
"""What a person reads of each outcome."""


def line_of(command: str, outcome: str, detail: str | None, case: str | None) -> str:
    """What became of a command, for a person."""
    told = WORDS.get(outcome, outcome) + (f": {detail}" if detail else "") + (f", case {case}" if case else "")
    return printable(f"{told} (command {command})")
