"""The recipes of the cookbook: a folder each in docs/cookbook, with rules and the scenario that shows what they do.

`python -m tests.cookbook`, or `make documents`, puts the files' text into the pages.
"""

from __future__ import annotations

import re
from functools import partial
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "docs" / "cookbook"
PAGES = sorted(FOLDER.glob("*.md"))
RECIPES = sorted(path.parent for path in FOLDER.glob("*/rules.yaml"))

SHOWN = re.compile(r"^\[`([\w-]+/(?:rules|scenario)\.yaml)`\]\(\1\)\n\n```yaml\n(.*?)```$", re.MULTILINE | re.DOTALL)
"""A file in a page: its name as a link, and its text."""


def environment() -> dict[str, str]:
    """What stands in secrets.env."""
    lines = (FOLDER / "secrets.env").read_text("utf-8").splitlines()
    return {found[1]: found[2] for line in lines if (found := re.fullmatch(r"([A-Z_]+)='(.*)'", line))}


def with_files(page: str, folder: Path = FOLDER) -> str:
    """The text of a page with each file's text as it is now."""
    return SHOWN.sub(partial(_shown, folder), page)


def _shown(folder: Path, found: re.Match[str]) -> str:
    return f"[`{found[1]}`]({found[1]})\n\n```yaml\n{(folder / found[1]).read_text('utf-8')}```"


if __name__ == "__main__":
    for path in PAGES:
        path.write_text(with_files(path.read_text("utf-8")), "utf-8")
