"""The shape of the source tree in figures: `make shape`, or `python -m tests.shape [--json] [TREE]`.

Files, lines, the share of import lines, import cycles, what is longest. TREE is another checkout to measure.
"""

from __future__ import annotations

import argparse
import ast
import json
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

import grimp

PORTIONS = ("schemas", "connectors", "streams")
LONG_FUNCTION = 40
SHOWN = 10


def shape(root: Path) -> dict[str, Any]:
    """The figures of the checkout at `root`; lines include blank ones and comments."""
    files = {path.relative_to(root): path.read_text("utf-8") for path in sources(root)}
    lengths = {str(path): len(text.splitlines()) for path, text in files.items()}
    trees = {path: ast.parse(text) for path, text in files.items()}
    functions = {f"{path}:{name}": length for path, tree in trees.items() for name, length in functions_of(tree)}
    return {
        "files": len(files),
        "lines": sum(lengths.values()),
        "portions": {portion: _of(portion, files, lengths, trees) for portion in PORTIONS},
        "rules": _of("streams/tocsin/streams/rules", files, lengths, trees),
        "import_share": round(sum(map(import_lines, trees.values())) / sum(lengths.values()), 4),
        "import_cycles": import_cycles(root),
        "longest_files": longest(lengths),
        "long_functions": {name: length for name, length in functions.items() if length > LONG_FUNCTION},
    }


def sources(root: Path) -> list[Path]:
    """The Python files of the three portions."""
    return sorted(path for portion in PORTIONS for path in (root / portion / "tocsin").rglob("*.py"))


def _of(folder: str, files: dict[Path, str], lengths: dict[str, int], trees: dict[Path, ast.Module]) -> dict[str, Any]:
    inside = [path for path in files if path.is_relative_to(folder)]
    lines = sum(lengths[str(path)] for path in inside)
    imports = sum(import_lines(trees[path]) for path in inside)
    return {"files": len(inside), "lines": lines, "import_share": round(imports / max(lines, 1), 4)}


def import_lines(tree: ast.Module) -> int:
    """Lines that import statements take up, wherever they stand."""
    imports = [node for node in ast.walk(tree) if isinstance(node, ast.Import | ast.ImportFrom)]
    return sum((node.end_lineno or node.lineno) - node.lineno + 1 for node in imports)


def functions_of(tree: ast.Module) -> Iterator[tuple[str, int]]:
    """(name, lines) of every function, without its decorators."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node.name, (node.end_lineno or node.lineno) - node.lineno + 1


def import_cycles(root: Path) -> list[list[str]]:
    """One import cycle of modules if there is any."""
    sys.path[:0] = [str(root / portion) for portion in PORTIONS]
    try:
        graph = grimp.build_graph(*(f"tocsin.{portion}" for portion in PORTIONS), cache_dir=None)
        TopologicalSorter({name: graph.find_modules_directly_imported_by(name) for name in graph.modules}).prepare()
    except CycleError as error:
        return [list(error.args[1])]
    finally:
        del sys.path[: len(PORTIONS)]
    return []


def longest(lengths: dict[str, int]) -> dict[str, int]:
    """The longest, the first of them the longest."""
    return dict(sorted(lengths.items(), key=lambda item: -item[1])[:SHOWN])


def text(figures: dict[str, Any]) -> Iterator[str]:
    """The figures for people, line by line."""
    yield f"{figures['files']} files, {figures['lines']} lines, {figures['import_share']:.1%} of them imports"
    for name, one in {**figures["portions"], "streams/rules": figures["rules"]}.items():
        yield f"  {name:<14} {one['files']:>4} files {one['lines']:>7} lines {one['import_share']:>6.1%} imports"
    yield f"import cycles: {len(figures['import_cycles'])}"
    yield from (" -> ".join(cycle) for cycle in figures["import_cycles"])
    yield "longest files:"
    yield from (f"  {length:>4} {name}" for name, length in figures["longest_files"].items())
    yield f"functions over {LONG_FUNCTION} lines: {len(figures['long_functions'])}"
    yield from (f"  {length:>4} {name}" for name, length in figures["long_functions"].items())


def main() -> None:
    """Print the figures."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tree", nargs="?", type=Path, default=Path(__file__).parent.parent)
    parser.add_argument("--json", action="store_true")
    given = parser.parse_args()
    figures = shape(given.tree.resolve())
    print(json.dumps(figures, indent=2) if given.json else "\n".join(text(figures)))


if __name__ == "__main__":
    main()
