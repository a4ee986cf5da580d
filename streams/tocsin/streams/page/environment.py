"""Jinja2 for pages full of hostile text.

Everything that a template prints is text of a stranger until shown otherwise: it is cleared of what could control the
reader's screen (`printable`: controls, marks that reverse text), cut, and escaped, whether or not the template asks for
it. What is not there is an error, so that no misspelt name goes by unseen; `| default("")` says that it may be missing.
A member of a dictionary is never a method of it: a document may have a member `items`.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from tocsin.connectors.commands.silence import SILENCE_FIELDS
from tocsin.connectors.printable import clipped, printable
from tocsin.streams.page.charts import bars, hour_by_hour, sparkline
from tocsin.streams.page.wording import FILTERS, SIGNS, told_text

MOST = 2000
"""Characters of one text."""
MOST_LINES = 400
"""Lines of a text that is shown line by line."""


class _Environment(Environment):
    def getattr(self, obj: Any, attribute: str) -> Any:
        """A member of a dictionary, never a method of it."""
        return self._member(obj, attribute) if isinstance(obj, dict) else super().getattr(obj, attribute)

    def getitem(self, obj: Any, argument: Any) -> Any:
        """The same."""
        return self._member(obj, argument) if isinstance(obj, dict) else super().getitem(obj, argument)

    def _member(self, obj: Mapping[Any, Any], name: Any) -> Any:
        return obj[name] if name in obj else self.undefined(obj=obj, name=name)


def environment_of(static: Callable[[str], str]) -> Environment:
    """The environment of all templates; `static` says where a file of ours is."""
    environment = _Environment(
        loader=PackageLoader("tocsin.streams.page"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
        auto_reload=False,
    )
    environment.filters |= {**FILTERS, "lines": lines, "pretty": pretty, "text": clipped}
    environment.globals |= {
        "static": static,
        "sparkline": sparkline,
        "bars": bars,
        "hour_by_hour": hour_by_hour,
        "signs": SIGNS,
        "silence_fields": SILENCE_FIELDS,
        "told_text": told_text,
    }
    return environment


def lines(text: object) -> Markup:
    """A text of several lines, for `<pre>`."""
    said = [part for line in str(text)[: 20 * MOST].splitlines() for part in _parts(printable(line))]
    shown = [escape(part) for part in said[:MOST_LINES]]
    return Markup("\n").join([*shown, *([escape("…")] if len(said) > MOST_LINES else [])])


def _parts(line: str) -> list[str]:
    """A line, a long one in several."""
    return [line[start : start + MOST] for start in range(0, len(line), MOST)] or [""]


def pretty(value: object) -> str:
    """A document of JSON, for people."""
    return json.dumps(value, indent=2, ensure_ascii=False)


def _shown(value: Any) -> Any:
    if value is None:
        return ""
    return value if hasattr(value, "__html__") else clipped(str(value), MOST)
