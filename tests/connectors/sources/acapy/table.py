"""The table of ACA-Py's topics in docs/agents.md: `python -m tests.connectors.sources.acapy.table` writes it anew."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path

from tocsin.connectors.sources.acapy.topics import MESSAGES, PROBLEM_REPORT, RECORDS, SAME_RECORD, RecordTopic

PAGE = Path(__file__).parents[4] / "docs" / "agents.md"
BEGIN, END = "<!-- topics of ACA-Py: written by make documents -->\n", "<!-- end of the topics -->\n"


def table() -> str:
    """A line for each topic."""
    head = "| topic | its record, or message | thread | above it | code, where none is said |\n"
    lines = [head, "| --- | --- | --- | --- | --- |\n"]
    lines += [_of_record(name, of) for name, of in RECORDS.items()]
    for name, message in MESSAGES.items():
        lines.append(
            f"| `{name}` | {' or '.join(f'`{_short(text)}`' for text in message.types.values())} | `thread_id` | | |\n"
        )
    lines.append(f"| `{PROBLEM_REPORT}` | a report that is only claimed | `~thread.thid` | `~thread.pthid` | |\n")
    return "".join(lines)


def _of_record(name: str, of: RecordTopic) -> str:
    record = f"{'of `connections`, by ' if name in SAME_RECORD else ''}{_named(of.ids)}"
    code = f"`{of.code}`" if of.code else ""
    return f"| `{name}` | {record} | {_named(of.threads)} | {_named(of.parents)} | {code} |\n"


def _named(names: Iterable[str]) -> str:
    return " or ".join(f"`{name}`" for name in names)


def _short(message_type: str) -> str:
    return message_type.removeprefix("https://didcomm.org/")


def between(page: str) -> str:
    """What stands in the page."""
    found = re.search(f"{re.escape(BEGIN)}(.*?){re.escape(END)}", page, re.DOTALL)
    assert found is not None
    return found[1]


if __name__ == "__main__":
    text = PAGE.read_text("utf-8")
    PAGE.write_text(text.replace(f"{BEGIN}{between(text)}", f"{BEGIN}{table()}"), "utf-8")
