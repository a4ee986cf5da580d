"""The worked examples of docs/contributing, done in a copy of the repository: each changes the files that
CONTRIBUTING.md names, and no others, and its commands end well."""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.worked_examples import (
    PAGES,
    ROOT,
    SECTIONS,
    NotAsShown,
    apply,
    changes_of,
    commands_of,
    copy_of_repository,
    named_in_steps,
    untouched_of,
)

pytestmark = pytest.mark.timeout(600)


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The repository with all examples in it."""
    if not (ROOT / ".git").exists():
        pytest.skip("not a git checkout")
    folder = tmp_path_factory.mktemp("copy")
    copy_of_repository(folder)
    for page in SECTIONS:
        for file, lines in changes_of(page):
            apply(folder, file, lines)
    return folder


def test_every_page_is_an_example() -> None:
    assert {path.stem for path in PAGES.glob("*.md")} == set(SECTIONS)


@pytest.mark.parametrize("page", SECTIONS)
def test_the_files_that_change_are_those_that_are_named(page: str) -> None:
    named = {name: {file for file, _ in changes_of(page) if _is(file, name)} for name in named_in_steps(page)}
    unnamed = {file for file, _ in changes_of(page)} - {file for files in named.values() for file in files}
    assert {file for file in unnamed if not file.startswith("tests/")} == set(), "CONTRIBUTING.md names each"
    assert {name for name, files in named.items() if not files} == untouched_of(page), "the page says why not"


def _is(file: str, name: str) -> bool:
    return f"/{name}" in f"/{file}" if name.endswith("/") else f"/{file}".endswith(f"/{name}")


def test_the_commands_end_well(copy: Path) -> None:
    folders = [str(copy / portion) for portion in ("schemas", "connectors", "streams")]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(folders)}
    for name in [name for name in environment if name.startswith(("PYTEST_", "TOCSIN_"))]:
        del environment[name]
    words = [shlex.split(line) for page in SECTIONS for line in commands_of(page)]
    plain = [word for line in words if line[0] == "pytest" and "-k" not in line for word in line[1:]]
    chosen = [line[1:] for line in words if "-k" in line]
    paths = [word for line in chosen for word in line if word.startswith("tests/")]
    names = " or ".join(line[line.index("-k") + 1] for line in chosen)
    pytest_of = ["pytest", "-q", "-x", "-p", "no:cacheprovider"]  # two runs, since each start takes seconds
    others = [line[1:] for line in words if line[0] == "python"]
    for line in [*others, ["-m", *pytest_of, *plain], ["-m", *pytest_of, *paths, "-k", names]]:
        ended = subprocess.run(
            [sys.executable, *line], cwd=copy, env=environment, capture_output=True, text=True, timeout=500
        )
        assert ended.returncode == 0, f"{shlex.join(line)}\n{ended.stdout[-6000:]}{ended.stderr[-3000:]}"


def test_what_does_not_fit_is_said(tmp_path: Path) -> None:
    (tmp_path / "one.py").write_text("\na = 1\na = 1\n")
    with pytest.raises(NotAsShown, match="2 times"):
        apply(tmp_path, "one.py", ["@@", " a = 1", "+b = 2"])
    with pytest.raises(NotAsShown, match="is there already"):
        apply(tmp_path, "one.py", ["+b = 2"])
