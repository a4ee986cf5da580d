"""One row of a scenario table as people write it in Markdown: `| Scenario C4 | Send a report | e.p.req.x |`."""

from __future__ import annotations

import re

from msgspec import Struct

from tocsin.connectors.dialects.codes import Code, parse_code
from tocsin.connectors.mediation.table import PIURI

_SCENARIO = re.compile(r"\b([A-Z]{1,4}[0-9]{1,3})\b")
_BEHAVIOUR = re.compile(r"\b([A-Z]{1,4}[0-9]{1,3}[A-Z])\b")
_CODE = re.compile(rf"\b[ew](?:\.(?:[A-Za-z0-9_-]+|{re.escape(PIURI)}))+")


class Row(Struct, frozen=True, kw_only=True):
    """What a row says. `behaviour` is the first option that it names; `template` says that the code has a `<PIURI>`."""

    scenario: str
    behaviour: str | None = None
    code: Code | None = None
    template: bool = False


def read_row(text: str) -> Row | None:
    """The row in a line of Markdown; None when its first cell names no scenario (a heading, a rule)."""
    first, *rest = [cell.strip() for cell in text.strip().strip("|").split("|")]
    scenario = _SCENARIO.search(first)
    if scenario is None:
        return None
    behaviour = next(filter(None, map(_BEHAVIOUR.search, rest)), None)
    code = next(filter(None, map(_CODE.search, rest)), None)
    return Row(
        scenario=scenario[1],
        behaviour=behaviour[1] if behaviour else None,
        code=parse_code(code[0]) if code else None,
        template=code is not None and PIURI in code[0],
    )
