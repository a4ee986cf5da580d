"""What happened against what should have: exactly these lines in this order, of each the fields that matter."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from typing import Any

from tocsin.streams.scenarios.names import Line
from tocsin.streams.scenarios.reading import Then, is_span, say_span, span

PRESENT = "..."
"""As a wanted value: anything but nothing."""

_RANGE = re.compile(r"(\w+)\.\.(\w+)")
_ALWAYS = ("report", "case", "reason", "survivor", "endpoints", "type", "choice", "detail")
_WIDTH = 76


def differences(wanted: Sequence[Then], lines: Sequence[Line], *, notified: bool = False) -> str | None:
    """None when they agree; else both side by side, a line that differs marked with `!`. `notified`: of all that
    happened, the notifications alone are compared."""
    rows = []
    lines = [one for one in lines if one.head == "notify"] if notified else lines
    agree = len(wanted) == len(lines)
    for number in range(max(len(wanted), len(lines))):
        want = wanted[number] if number < len(wanted) else None
        have = lines[number] if number < len(lines) else None
        wrong = _wrong(want, have)
        agree = agree and not wrong
        rows.append(("!" if wrong else " ", _say_wanted(want), _say_line(have, want, wrong)))
    if agree:
        return None
    return "\n".join([*_row(" ", "expected", "actual"), *(line for row in rows for line in _row(*row))])


def _wrong(want: Then | None, have: Line | None) -> list[str]:
    if want is None or have is None:
        return ["*"]
    in_time = want.at <= have.at <= (want.at if want.latest is None else want.latest)
    if not in_time or (want.head, want.value) != (have.head, have.value):
        return ["*"]
    return [path for path, value in want.wanted.items() if not fits(value, _at(have.fields, path))]


def fits(wanted: Any, actual: Any) -> bool:
    """Whether an actual value is what was wanted: `...` is anything, null nothing, `1s..5s` between, a mapping asks
    only for its own members, 90s is 1m30s; everything else is equal."""
    if wanted is None:
        return actual in (None, "", [], {})
    if wanted == PRESENT:
        return actual not in (None, "", [], {})
    if isinstance(wanted, dict):
        return isinstance(actual, dict) and all(fits(value, _at(actual, path)) for path, value in wanted.items())
    if isinstance(wanted, list):
        return (
            isinstance(actual, list)
            and len(wanted) == len(actual)
            and all(fits(one, other) for one, other in zip(wanted, actual, strict=True))
        )
    ends = _RANGE.fullmatch(wanted) if isinstance(wanted, str) else None
    if ends and is_span(ends[1]) and is_span(actual):
        return span(ends[1]) <= span(actual) <= span(ends[2])
    if is_span(wanted) and is_span(actual):
        return span(wanted) == span(actual)
    return bool(wanted == actual) and type(wanted) is type(actual)


def said(line: Line) -> str:
    """What happened, in one line."""
    return _say_line(line, None, ["*"])


def _at(fields: Any, path: str) -> Any:
    """The member at a dotted path; a name that has dots itself is tried whole first."""
    if isinstance(fields, list) and path.split(".")[0].isdigit():
        number, _, rest = path.partition(".")
        inner = fields[int(number)] if int(number) < len(fields) else None
        return _at(inner, rest) if rest else inner
    if not isinstance(fields, dict):
        return None
    if path in fields:
        return fields[path]
    parts = path.split(".")
    for length in range(len(parts) - 1, 0, -1):
        if (name := ".".join(parts[:length])) in fields:
            return _at(fields[name], ".".join(parts[length:]))
    return None


def _say_wanted(want: Then | None) -> str:
    if want is None:
        return "(nothing)"
    when = say_span(want.at) if want.latest is None else f"{say_span(want.at)}..{say_span(want.latest)}"
    return " ".join([when, _head(want.head, want.value), *_pairs(want.wanted)])


def _say_line(have: Line | None, want: Then | None, wrong: list[str]) -> str:
    if have is None:
        return "(nothing)"
    paths = list(dict.fromkeys([*(want.wanted if want else ()), *(_ALWAYS if wrong else ())]))
    wanted = want.wanted if want else {}
    shown = {
        path: _pruned(wanted.get(path), found) for path in paths if (found := _at(have.fields, path)) or path in wrong
    }
    return " ".join([say_span(have.at), _head(have.head, have.value), *_pairs(shown)])


def _pruned(wanted: Any, actual: Any) -> Any:
    """Of a mapping, only what was asked for."""
    if not isinstance(wanted, dict) or not isinstance(actual, dict):
        return actual
    return {path: _pruned(value, _at(actual, path)) for path, value in wanted.items()}


def _head(head: str, value: str) -> str:
    return value if head == "event" else f"{head} {value}"


def _pairs(fields: dict[str, Any]) -> list[str]:
    return [f"{path}={value!r}" for path, value in fields.items()]


def _row(mark: str, left: str, right: str) -> list[str]:
    lefts, rights = textwrap.wrap(left, _WIDTH) or [""], textwrap.wrap(right, _WIDTH) or [""]
    height = max(len(lefts), len(rights))
    lefts += [""] * (height - len(lefts))
    rights += [""] * (height - len(rights))
    return [f"{mark} {one:<{_WIDTH}} | {other}" for one, other in zip(lefts, rights, strict=True)]
