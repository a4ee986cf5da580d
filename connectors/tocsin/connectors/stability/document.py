"""Writes docs/names.md, the marks that no other page shows: `python -m tocsin.connectors.stability.document`, in the
repository."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import groupby
from pathlib import Path

from tocsin.connectors.stability.marks import Kind, Mark, marks

FILE = Path("docs/names.md")
"""Where the page lies in the repository."""

_HEAD = """# Names of the API, Python and the rules file

Written by `make documents` from `connectors/tocsin/connectors/stability/names/`: change those. What is promised of each
name, and what that is worth, says [stability.md](stability.md). Metrics, settings, commands, topics and events have
pages of their own, which say it too: [metrics.md](metrics.md), [settings.md](settings.md), [commands.md](commands.md),
[events.md](events.md).
"""


def _route(name: str) -> tuple[str, str]:
    method, path, *parameter = name.split(" ")
    return f"{method} {path}", " ".join(parameter)


def _python(name: str) -> tuple[str, str]:
    module, _, one = name.rpartition(".")
    return module, one


def _key(name: str) -> tuple[str, str]:
    return name.partition(".")[0].removesuffix("[]"), name


Part = Callable[[str], tuple[str, str]]
CHAPTERS: tuple[tuple[str, Kind, str, Part], ...] = (
    ("HTTP", "routes", "`/openapi.json` says the same of each operation and parameter, as `x-stability`.", _route),
    ("Python", "python", "What a module has besides is ours, and may change at any time.", _python),
    ("Rules file", "rules", "`[]` is each of a list, `*` a name of yours, the word in brackets a kind of sink.", _key),
)
"""Title, kind, what is said first, and what a name is grouped by and shown as."""


def document() -> str:
    """The whole page in Markdown."""
    return "\n".join([_HEAD, *(line for chapter in CHAPTERS for line in _chapter(*chapter))])


def _chapter(title: str, kind: Kind, said: str, part: Part) -> Iterator[str]:
    yield from (f"## {title}\n", f"{said}\n", "| of | names | promise |", "| --- | --- | --- |")

    def place(one: tuple[str, Mark]) -> tuple[str, str]:
        return part(one[0])[0], str(one[1])

    for (group, promise), names in groupby(sorted(marks(kind).items(), key=place), key=place):
        shown = ", ".join(f"`{name}`" for name in sorted(part(one)[1] for one, _ in names) if name)
        yield f"| `{group}` | {shown} | {promise} |"
    yield ""


if __name__ == "__main__":
    FILE.write_text(document(), "utf-8")
