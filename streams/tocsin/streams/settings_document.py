"""Writes docs/settings.md from the settings: `python -m tocsin.streams.settings_document`, in the repository."""

from __future__ import annotations

import re
import types
import typing
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

from pydantic.fields import FieldInfo

from tocsin.connectors.stability import mark_of
from tocsin.streams.access_settings import AccessSettings
from tocsin.streams.settings import ENV_PREFIX, Settings
from tocsin.streams.telemetry_settings import TelemetrySettings

FILE = Path("docs/settings.md")
"""Where the page lies in the repository."""

_HEAD = """# Settings

Written by `make documents` from `streams/tocsin/streams/settings.py` and its neighbours: change those. Each is an
environment variable, or its name in small letters without `TOCSIN_` in `tocsin.toml` (`TOCSIN_CONFIG` names another
file); a flag of a command goes before both. All processes and commands have the same ones. `tocsin config` shows those
that hold, secrets masked; `tocsin doctor` says what is wrong with them. What must not stand in the environment is read
from elsewhere where the text says so: `file:PATH`, `env:NAME`. [stability.md](stability.md) says what each promise is
worth.
"""
CHAPTERS: tuple[tuple[str, type[Any]], ...] = (
    ("The bus", Settings), ("Access and limits", AccessSettings), ("Metrics and traces", TelemetrySettings)
)  # fmt: skip
"""The groups of the page, and the class that each stands in."""
_PLAIN = {str: "text", int: "whole number", float: "number", bool: "true or false", Path: "path"}
_BOUNDS = {"ge": "at least", "gt": "more than", "le": "at most", "lt": "less than"}


def document() -> str:
    """The whole page in Markdown: a table for each group."""
    return "\n".join([_HEAD, *(line for name, group in CHAPTERS for line in _chapter(name, group))])


def _chapter(name: str, group: type[Any]) -> Iterator[str]:
    yield f"## {name}\n"
    yield from ("| setting | what it is | default | value | promise |", "| --- | --- | --- | --- | --- |")
    for field, info in Settings.model_fields.items():
        if field in group.__annotations__:
            meaning = " ".join((info.description or "").split()).replace("|", "\\|")
            name = f"{ENV_PREFIX}{field.upper()}"
            yield f"| `{name}` | {meaning} | {_default(info)} | {_kind(info)} | {mark_of('settings', name)} |"
    yield ""


def _default(info: FieldInfo) -> str:
    shown = info.get_default(call_default_factory=True)
    return "" if shown is None or shown == "" else f"`{str(shown).lower() if isinstance(shown, bool) else shown}`"


def _kind(info: FieldInfo) -> str:
    """The type, and the bounds of a number."""
    bounds = [
        f"{words} {bound:,}" for rule in info.metadata for name, words in _BOUNDS.items()
        if (bound := getattr(rule, name, None)) is not None
    ]  # fmt: skip
    return ", ".join([_type(info.annotation), *bounds])


def _type(annotation: Any) -> str:
    origin = get_origin(annotation)
    if origin is Literal:
        return ", ".join(f"`{one}`" for one in get_args(annotation))
    if origin in (typing.Union, types.UnionType):
        return " or ".join(_type(one) for one in get_args(annotation) if one is not type(None))
    if origin is typing.Annotated:
        return _type(get_args(annotation)[0])
    return _PLAIN.get(annotation) or re.sub(r"(?<!^)(?=[A-Z])", " ", annotation.__name__).lower()


if __name__ == "__main__":
    FILE.write_text(document(), "utf-8")
