"""The shape of the repository: where code may lie, how long a file may be, and what may not stand in any file."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.shape import PORTIONS, import_cycles, sources

ROOT = Path(__file__).parent.parent
LONGEST_FILE = 300
LONGEST_FUNCTION = 40
LONG_FUNCTIONS = ROOT / "tests" / "long_functions.txt"
"""Those that were longer when this was first tested; a line goes when its function is short enough, and none comes."""
CACHES = {"__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", ".import_linter_cache"}

# the brackets keep this file from finding itself
REGISTRIES = re.compile("pypi[.]org|python[h]osted|maven[.](org|apache)|npm[j]s|docker[.]io")
MACHINE_PATHS = re.compile(r"(?<![\w.~}])/(work|root|home)/\w")


def _texts() -> list[Path]:
    """Every text file that is, or would be, in version control."""
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("not a git checkout")
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    names = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, text=True).stdout.split("\0")
    paths = [ROOT / name for name in names if name and (ROOT / name).is_file()]
    return [path for path in paths if b"\0" not in path.read_bytes()[:8000]]


@pytest.mark.parametrize("portion", PORTIONS)
def test_a_portion_holds_only_its_own_name(portion: str) -> None:
    # a file in the wrong portion is shadowed silently in an editable install and breaks the wheel
    inside = {path.name for path in (ROOT / portion / "tocsin").iterdir()} - CACHES
    assert inside == {portion}, "and no tocsin/__init__.py: the namespace belongs to all three"
    assert (ROOT / portion / "tocsin" / portion / "py.typed").is_file()
    assert (ROOT / portion / "tocsin" / portion / "__init__.py").is_file()


def test_no_file_is_too_long() -> None:
    lengths = {str(path.relative_to(ROOT)): len(path.read_text("utf-8").splitlines()) for path in sources(ROOT)}
    assert {name: length for name, length in lengths.items() if length > LONGEST_FILE} == {}


def test_functions_that_are_too_long_only_get_fewer_and_shorter() -> None:
    known = {name: int(lines) for lines, name in (line.split() for line in LONG_FUNCTIONS.read_text().splitlines())}
    lengths = (
        ((one.end_lineno or 0) - one.lineno + 1, f"{path.relative_to(ROOT)}:{one.name}")
        for path in sources(ROOT)
        for one in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)
    )
    long = {name: lines for lines, name in sorted(lengths) if lines > LONGEST_FUNCTION}  # of one name, the longest
    assert {name: lines for name, lines in long.items() if lines > known.get(name, 0)} == {}, "make it shorter"
    assert known.keys() - long.keys() == set(), f"no longer too long: take it off {LONG_FUNCTIONS.name}"


def test_no_module_is_called_after_nothing() -> None:
    words = {"utils", "util", "helpers", "core", "common", "manager", "misc"}
    assert [path for path in sources(ROOT) if path.stem in words] == []


def test_imports_have_no_cycle() -> None:
    assert import_cycles(ROOT) == []


def test_no_file_names_a_registry_or_a_path_of_one_machine() -> None:
    found = [
        f"{path.relative_to(ROOT)}:{number}: {line.strip()[:100]}"
        for path in _texts()
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if REGISTRIES.search(line) or MACHINE_PATHS.search(line)
    ]
    assert found == []
