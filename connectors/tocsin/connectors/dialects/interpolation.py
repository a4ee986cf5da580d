"""The text of a report from its comment and arguments (DIDComm v2 "Problem Reports", `comment` and `args`)."""

from __future__ import annotations

import re
from collections.abc import Sequence

_REFERENCE = re.compile(r"\{([1-9][0-9]{0,3})\}")


def interpolate(template: str, args: Sequence[str | None]) -> str:
    """`template` with {1}, {2}... replaced by `args`; a missing or null argument is `?`; an argument that nothing
    refers to is appended, after a comma. `{0}` and other braces are plain text."""
    used: set[int] = set()

    def argument(match: re.Match[str]) -> str:
        index = int(match.group(1)) - 1
        used.add(index)
        value = args[index] if index < len(args) else None
        return "?" if value is None else value

    text = _REFERENCE.sub(argument, template)
    extra = ["?" if value is None else value for index, value in enumerate(args) if index not in used]
    return ", ".join([text, *extra])
