"""No name that others use comes without a mark, and none that is stable goes (docs/stability.md)."""

from __future__ import annotations

import ast
import re
from importlib import import_module
from importlib.metadata import version

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from deploy.site.source import ROOT
from tests.connectors.gateway.test_scopes import whole_app
from tests.harness.keys import Keyring
from tests.stability.names import FOLDER, OURS, PACKAGES, brought_up, names_of, written
from tocsin.connectors.metrics.making import Meters, read
from tocsin.connectors.stability import KINDS, Kind, Level, Mark, marks, read_marks

STABLE, UNSTABLE = Mark(Level.STABLE, "0.1.0"), Mark(Level.UNSTABLE, "0.1.0")
DEPRECATED = Mark(Level.DEPRECATED, "0.1.0", "use a")


@pytest.mark.parametrize("kind", KINDS)
def test_every_name_is_marked(kind: Kind) -> None:
    assert names_of(kind) - marks(kind).keys() == set(), "new: python -m tests.stability.names marks them as unstable"


@pytest.mark.parametrize("kind", KINDS)
def test_no_stable_name_is_gone(kind: Kind) -> None:
    gone = marks(kind).keys() - names_of(kind)
    promised = {name for name in gone if marks(kind)[name].level is not Level.UNSTABLE}
    assert promised == set(), f"others count on them: docs/stability.md says how they go (names/{kind}.toml)"
    assert gone == set(), "python -m tests.stability.names drops them"


@pytest.mark.parametrize("kind", KINDS)
def test_the_files_are_as_they_are_written(kind: Kind) -> None:
    text = (FOLDER / f"{kind}.toml").read_text("utf-8")
    assert text == written(kind, read_marks(text)), "python -m tests.stability.names"
    release = [int(part) for part in version("tocsin").split(".")]
    assert [mark for mark in marks(kind).values() if [int(part) for part in mark.since.split(".")] > release] == []


MARKED = {"a": STABLE, "b": UNSTABLE, "c": DEPRECATED}
# what is marked, what is there -> what is marked then
BROUGHT_UP = {
    "nothing new": (MARKED, {"a", "b", "c"}, MARKED),
    "a new name is unstable since this release": (
        MARKED,
        {"a", "b", "c", "d"},
        {**MARKED, "d": Mark(Level.UNSTABLE, "0.2.0")},
    ),
    "an unstable name that is gone is dropped": (MARKED, {"a", "c"}, {"a": STABLE, "c": DEPRECATED}),
    "a stable or deprecated one is not": (MARKED, {"b"}, MARKED),
}


@pytest.mark.parametrize(("marked", "there", "then"), BROUGHT_UP.values(), ids=list(BROUGHT_UP))
def test_what_the_command_changes(marked: dict[str, Mark], there: set[str], then: dict[str, Mark]) -> None:
    assert brought_up(marked, there, "0.2.0") == then
    assert read_marks(written("metrics", then)) == then


def test_every_package_is_for_everybody_or_for_ourselves() -> None:
    folder = ROOT / "connectors" / "tocsin" / "connectors"
    said = {path.parent.name for path in folder.glob("*/__init__.py") if "__all__" in path.read_text("utf-8")}
    assert said == {*PACKAGES, *OURS}, "tests/stability/names.py"


PAGES = sorted([*(ROOT / "docs").glob("*.md"), ROOT / "README.md", ROOT / "schemas" / "README.md"])
IMPORTED = {
    f"{statement.module}.{name.name}": str(page.relative_to(ROOT))
    for page in PAGES
    for code in re.findall(r"```python\n(.*?)```", page.read_text("utf-8"), re.DOTALL)
    for statement in ast.walk(ast.parse(code))
    if isinstance(statement, ast.ImportFrom) and (statement.module or "").startswith("tocsin.")
    for name in statement.names
}
"""What the programs of the pages import of ours -> a page."""


@pytest.mark.parametrize(("name", "page"), IMPORTED.items(), ids=list(IMPORTED))
def test_what_a_page_imports_is_stable(name: str, page: str) -> None:
    assert _is_module(name) or marks("python")[name].level is Level.STABLE, page


def _is_module(name: str) -> bool:
    try:
        return import_module(name) is not None
    except ImportError:
        return False


def test_openapi_says_it_of_every_operation_and_parameter() -> None:
    document = whole_app(Keyring()).openapi()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["x-stability"] == str(marks("routes")[f"{method.upper()} {path}"])
            inner = [one for one in operation.get("parameters", ()) if one["in"] != "path"]
            assert all(one["x-stability"].endswith(" since 0.1.0") for one in inner), path
    assert document["paths"]["/v1/problems"]["post"]["x-stability"] == "stable since 0.1.0"
    assert document["paths"]["/v1/try"]["post"]["x-stability"] == "unstable since 0.1.0"


def test_help_says_it_of_a_metric() -> None:
    registry = CollectorRegistry()
    Meters(registry).counter("tocsin_problems_total")
    shown = generate_latest(registry).decode()
    assert "# HELP tocsin_problems_total [STABLE] What became of problems.\n" in shown
    assert read("tocsin_rows", {}).documentation == "[UNSTABLE] Rows in memory."
