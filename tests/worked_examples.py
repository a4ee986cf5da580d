"""The worked examples of docs/contributing: their changes, applied to a copy of the repository, and their commands.

A change is a block of kind `diff`: `+++ FILE`, then the whole of a new file; or, after each `@@`, lines that stand
there (` `), go (`-`) and come (`+`). There are no line numbers: what stands there must be there once.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from importlib.util import cache_from_source
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = ROOT / "docs" / "contributing"
SECTIONS = {
    "command": "Add a command",
    "dialect": "Add a dialect",
    "field": "Make a field matchable",
    "route": "Add a route setting",
    "rule": "Add a loop rule (a stage)",
    "sink": "Add a sink",
}
"""Page -> the section of CONTRIBUTING.md whose steps it does."""


class NotAsShown(Exception):
    """A change that does not fit the files as they are."""


def copy_of_repository(folder: Path) -> None:
    """All that is, or would be, in version control; and what is compiled of it, which takes seconds in each process."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    for name in filter(None, names):
        compiled = cache_from_source(name) if name.endswith(".py") else name
        for one in {name, compiled}:
            if (ROOT / one).is_file():
                (folder / one).parent.mkdir(parents=True, exist_ok=True)
                shutil.copy2(ROOT / one, folder / one)


def changes_of(page: str) -> list[tuple[str, list[str]]]:
    """The file of each change, and its lines."""
    blocks = re.findall(r"^```diff\n\+\+\+ (\S+)\n(.*?)^```", _text(page), re.DOTALL | re.MULTILINE)
    return [(file, lines.splitlines()) for file, lines in blocks]


def commands_of(page: str) -> list[str]:
    """The commands that prove it."""
    return [line for block in re.findall(r"```sh\n(.*?)```", _text(page), re.DOTALL) for line in block.splitlines()]


def untouched_of(page: str) -> set[str]:
    """What the steps name and the example does not change, as the page says."""
    [said] = re.findall(r"^Not touched: (.*?)\n\n", _text(page), re.DOTALL | re.MULTILINE)
    return set(re.findall(r"`([^` ]+)`", said)) & named_in_steps(page)


def named_in_steps(page: str) -> set[str]:
    """The files that the steps name, with the name of the example for NAME."""
    contributing = (ROOT / "CONTRIBUTING.md").read_text("utf-8")
    heading = f"## {SECTIONS[page]}\n"
    section = contributing[contributing.index(heading) + len(heading) :].partition("\n## ")[0]
    names = re.findall(r"(?<=`)[\w./-]+(?:\.(?:py|md|yaml|json|toml)|/stages/)(?=`)|(?<=\[)[\w/-]+\.md(?=\])", section)
    said = (one.replace("NAME", example_of(page)) for one in names)
    return {one.replace("connectors/.../", "connectors/tocsin/connectors/") for one in said}


def example_of(page: str) -> str:
    """What the example adds: the word in code that its first line begins with."""
    return str(re.findall(r"^`(?:tocsin )?(\w+)", _text(page), re.MULTILINE)[0])


def apply(folder: Path, file: str, lines: list[str]) -> None:
    """Change a file of the copy. Raises NotAsShown."""
    path = folder / file
    if lines and lines[0] != "@@":
        if path.exists():
            raise NotAsShown(f"{file} is there already")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("".join(f"{line[1:]}\n" for line in lines), "utf-8")
        return
    text = path.read_text("utf-8")
    for hunk in "\n".join(lines[1:]).split("\n@@\n"):
        before = "".join(f"{line[1:]}\n" for line in hunk.split("\n") if line[:1] in (" ", "-"))
        after = "".join(f"{line[1:]}\n" for line in hunk.split("\n") if line[:1] in (" ", "+"))
        places = [found.start() for found in re.finditer(f"^(?={re.escape(before)})", text, re.MULTILINE)]
        if len(places) != 1:
            raise NotAsShown(f"{file} has {len(places)} times, not once:\n{before}")
        text = text[: places[0]] + after + text[places[0] + len(before) :]
    path.write_text(text, "utf-8")


def _text(page: str) -> str:
    return (PAGES / f"{page}.md").read_text("utf-8")
