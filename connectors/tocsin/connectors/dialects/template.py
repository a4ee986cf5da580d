"""Texts with arguments, as DIDComm v2 has them: `{1}` stands for the first argument ("Problem Reports", comment)."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

MAX_TEXT = 65_536
"""Characters of a text made of a template and its arguments; a longer one is cut, with an ellipsis, and flagged."""
REFERENCE = re.compile(r"\{([1-9][0-9]{0,3})\}")
"""A place for an argument, by its number from 1."""


def interpolate(template: str, args: Sequence[str | None]) -> str:
    """`template` with {1}, {2}... replaced by `args`; a missing or null argument is `?`; an argument that nothing
    refers to is appended, after a comma. `{0}` and other braces are plain text. At most MAX_TEXT characters: what
    would make it longer is never put together."""
    longest = max([len(each) for each in args if each is not None], default=1)
    if len(template) + (len(template) // 3 + len(args)) * (longest + 2) <= MAX_TEXT:
        return "".join(_parts(template, args))
    parts: list[str] = []
    length = 0
    for part in _parts(template, args):
        parts.append(part[: MAX_TEXT + 1 - length])
        length += len(parts[-1])
        if length > MAX_TEXT:
            return "".join(parts)[: MAX_TEXT - 1] + "…"
    return "".join(parts)


def _parts(template: str, args: Sequence[str | None]) -> Iterator[str]:
    used: set[int] = set()
    at = 0
    for match in REFERENCE.finditer(template):
        yield template[at : match.start()]
        at, index = match.end(), int(match.group(1)) - 1
        used.add(index)
        yield _argument(args, index)
    yield template[at:]
    for index in range(len(args)):
        if index not in used:
            yield ", "
            yield _argument(args, index)


def _argument(args: Sequence[str | None], index: int) -> str:
    value = args[index] if index < len(args) else None
    return "?" if value is None else value
