"""Gathers what the site shows: `python -m deploy.site.source FOLDER` copies every page of the repository that people
read, and the files that these link to, at the same places, so that a link that works there works on the site."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
SHOWN = ("*.md", "LICENSE", "docs/*", "deploy/*", "streams/*.md", "streams/decisions/*", "schemas/*", "connectors/*.md",
         "tests/scenarios/*", "connectors/tocsin/connectors/*", "streams/tocsin/streams/*")  # fmt: skip
"""Patterns of files in the repository that pages are, or link to."""


def shown() -> list[str]:
    """The paths of these, as Git knows them."""
    listed = subprocess.run(["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *SHOWN],
                            cwd=ROOT, check=True, capture_output=True, text=True)  # fmt: skip
    return sorted(path for path in listed.stdout.split("\0") if path and (ROOT / path).is_file())


def gather(folder: Path) -> None:
    """Copy them below `folder`, which is made anew."""
    shutil.rmtree(folder, ignore_errors=True)
    for path in shown():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copyfile(ROOT / path, target)


if __name__ == "__main__":
    gather(Path(sys.argv[1]))
