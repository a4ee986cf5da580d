"""What the texts refer to exists: pages and headings of this repository, never documents that readers do not have."""

from __future__ import annotations

import re
import shutil
import subprocess
from functools import cache
from pathlib import Path

import pytest

from tests.documents import INDEX, index_of_decisions

ROOT = Path(__file__).parent.parent

# the brackets keep this file from finding itself
ELSEWHERE = {
    "a document that is not in the repository": re.compile(
        r"\b(DESIGN|REQUIREMENTS|RELIABILITY|ECOSYSTEM|HOUSE)\b(?!_)"
    ),
    "a style guide that is not in the repository": re.compile(r"\bSTYLE([.]md| )"),
    "a source by its private number": re.compile(r"\b[Ss]eeds? 00[0-4]\b"),
    "a section by its private number": re.compile(
        r"\b[abc][.][0-9] [0-9]{1,2}\b|\([cd]\) [0-9]|[(, ][cd] [0-9]{1,2}[).,;]"
    ),
    "a number without its page": re.compile(r"(?<![\w/'\"|-])[HRFI][0-9]{1,2}(?![\w'\"|-])"),
}
"""What is wrong with a citation, and how it looks."""

NUMBERED = (
    "CHANGELOG.md",
    "connectors/MEDIATION.md",
    "connectors/tocsin/connectors/mediation/",
    "docs/",
    "streams/FEATURES.md",
    "tests/connectors/mediation/",
    "tests/scenarios/",
)
"""Where numbers such as H22 or I1 are tags or names of scenarios."""

PAGE = re.compile(r"\bdocs/([a-z-]+\.md)(?:#([a-z0-9-]+))?")
DECISION = re.compile(r"\bdecisions?[ /](0\d{3})(-[a-z-]+\.md)?")
LINK = re.compile(r"\]\(([^)\s:]+)\)")


@cache
def texts() -> dict[str, str]:
    """Every text file that is, or would be, in version control, but recorded ones and locks: path -> text."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    suffixes = {".py", ".md", ".yaml", ".toml", ".json", ".avsc", ""}
    paths = [ROOT / name for name in names if name and "/golden/" not in name and not name.endswith("-lock.json")]
    return {
        str(path.relative_to(ROOT)): path.read_text("utf-8")
        for path in paths
        if path.is_file() and path.suffix in suffixes and path.name != Path(__file__).name
    }


@cache
def anchors(page: Path) -> frozenset[str]:
    """The anchors of a Markdown page, as GitHub derives them from its headings."""
    found: list[str] = []
    for heading in re.findall(r"^#{1,6} +(.+?) *$", page.read_text("utf-8"), re.MULTILINE):
        anchor = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        found.append(anchor if anchor not in found else f"{anchor}-{found.count(anchor)}")
    return frozenset(found)


def cited_elsewhere(file: str) -> list[str]:
    """Each line of a file that cites what its reader does not have."""
    numbered = file.startswith(NUMBERED)
    return [
        f"{file}:{number}: {what}: {line.strip()[:100]}"
        for number, line in enumerate(texts()[file].splitlines(), 1)
        for what, pattern in ELSEWHERE.items()
        if pattern.search(line) and not (numbered and "number without" in what)
    ]


def exists(page: Path, anchor: str | None) -> bool:
    return page.exists() and (not anchor or anchor in anchors(page))


def test_nothing_is_cited_that_is_not_in_the_repository() -> None:
    assert [line for file in texts() for line in cited_elsewhere(file)] == []


def test_every_page_and_heading_that_is_cited_exists() -> None:
    missing = [
        f"{file}: {match[0]}"
        for file, text in texts().items()
        for match in PAGE.finditer(text)
        if not exists(ROOT / "docs" / match[1], match[2])
    ]
    assert missing == []


def test_every_decision_that_is_cited_exists() -> None:
    decisions = {path.name[:4]: path.name[4:] for path in (ROOT / "streams" / "decisions").glob("[0-9]*.md")}
    missing = [
        f"{file}: {match[0]}"
        for file, text in texts().items()
        for match in DECISION.finditer(text)
        if match[1] not in decisions or match[2] not in (None, decisions[match[1]])
    ]
    assert missing == []


def test_the_index_of_decisions_is_up_to_date() -> None:
    assert INDEX.read_text("utf-8") == index_of_decisions(), "run: make documents"


def test_every_link_between_pages_leads_somewhere() -> None:
    missing = []
    for file, text in texts().items():
        for target in LINK.findall(text) if file.endswith(".md") else ():
            path, _, anchor = target.partition("#")
            page = (ROOT / file).parent / path if path else ROOT / file
            if not exists(page, anchor):
                missing.append(f"{file}: {target}")
    assert missing == []
