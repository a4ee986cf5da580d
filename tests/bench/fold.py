"""What the folds cost in this tree and at an earlier commit, in one run: `python -m tests.bench.fold --against COMMIT`.

Counted: bytecodes and calls an event, the same at every run. Measured: CPU microseconds an event, in child processes
that take turns, the least of each batch over all rounds; the range is that of the rounds' ratios. With other work on
the machine CPU time orders the trees and no more. Prints a table, and one JSON object with `--json`.
"""

from __future__ import annotations

import argparse
import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from rich.console import Console
from rich.table import Table

ROOT = Path(__file__).parents[2]
BASE = "c6dbd6f"
"""The commit before the rules became one list of stages (issue `house`), which nothing should be slower than."""

Found = dict[str, dict[str, Any]]


class Unknown(Exception):
    """The commit is not in this clone."""


@contextmanager
def tree_of(commit: str) -> Iterator[Path]:
    """The sources of a commit, in a worktree that is there meanwhile."""
    with TemporaryDirectory(prefix="tocsin-bench-") as folder:
        tree = Path(folder) / "tree"
        try:
            _git("worktree", "add", "--quiet", "--detach", str(tree), commit)
        except subprocess.CalledProcessError as failed:
            raise Unknown(failed.stderr.strip()) from failed
        try:
            yield tree
        finally:
            _git("worktree", "remove", "--force", str(tree))


def _git(*arguments: str) -> None:
    subprocess.run(["git", *arguments], cwd=ROOT, check=True, capture_output=True, text=True)


def folds(tree: Path, events: int, *, counted: bool = False) -> Found:
    """Run the folds of a tree in a process of its own. The traffic is that of this tree."""
    sources = [tree / name for name in ("schemas", "connectors", "streams")]
    done = subprocess.run(
        [sys.executable, "-m", "tests.bench.folding", f"--events={events}", *(["--counted"] if counted else [])],
        cwd=ROOT, env={**os.environ, "PYTHONPATH": os.pathsep.join(map(str, sources))}, check=False,
        capture_output=True, text=True,
    )  # fmt: skip
    if done.returncode:
        raise SystemExit(f"bench: the folds of {tree} failed:\n{done.stderr[-3000:]}")
    found: Found = json.loads(done.stdout)
    return found


def compared(trees: list[Path], events: int, counted: int, rounds: int) -> list[Found]:
    """The figures of each tree: what is counted, and what is measured in turns."""
    found = [folds(tree, counted, counted=True) for tree in trees]
    for _ in range(rounds):
        for place, tree in enumerate(trees):
            for name, figures in folds(tree, events).items():
                found[place][name].setdefault("rounds", []).append(figures["cpu_us"])
    for one in found:
        for figures in one.values():
            figures["cpu_us"] = statistics.mean(map(min, zip(*figures["rounds"], strict=True)))
            figures["rounds"] = [statistics.mean(chunks) for chunks in figures["rounds"]]
    return found


def against(mine: Found, base: Found) -> Found:
    """This tree's figures over the other's."""
    ratios: Found = {}
    for name, figures in mine.items():
        other = base[name]
        each = sorted(now / then for now, then in zip(figures["rounds"], other["rounds"], strict=True))
        ratios[name] = {what: figures[what] / other[what] for what in ("bytecodes", "calls", "cpu_us")}
        ratios[name]["cpu_rounds"] = [each[0], statistics.median(each), each[-1]]
    return ratios


def shown(mine: Found, base: Found | None, commit: str) -> Table:
    table = Table(title=f"a fold, an event (a row): this tree, {commit}, ratio" if base else "a fold, an event (a row)")
    for title in ("", "bytecodes", "calls", "CPU us", "CPU, ratio of the rounds"):
        table.add_column(title, justify="left" if not title else "right")
    for name, figures in mine.items():
        if base is None:
            table.add_row(name, *[f"{figures[what]:,.4g}" for what in ("bytecodes", "calls", "cpu_us")], "")
            continue
        ratio = against(mine, base)[name]
        cells = [
            f"{_plain(figures[what])} {_plain(base[name][what])} {ratio[what] - 1:+.1%}"
            for what in ("bytecodes", "calls", "cpu_us")
        ]
        low, middle, high = ratio["cpu_rounds"]
        table.add_row(name, *cells, f"{middle:.2f} ({low:.2f} to {high:.2f})")
    return table


def _plain(value: float) -> str:
    return f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def functions(mine: Found, base: Found | None, fold: str, most: int) -> Table:
    """Where the bytecodes of a fold are executed."""
    table = Table("function", "bytecodes", "before", title=fold)
    earlier = base[fold]["functions"] if base else {}
    for name, count in list(mine[fold]["functions"].items())[:most]:
        table.add_row(name, f"{count:.1f}", f"{earlier[name]:.1f}" if name in earlier else "")
    return table


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--against", default=BASE, metavar="COMMIT", help="none: this tree alone")
    parser.add_argument("--events", type=int, default=4_000, help="that are measured in each round")
    parser.add_argument("--counted", type=int, default=1_500, help="events whose bytecodes are counted")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--functions", metavar="FOLD", help="show where the bytecodes of this fold are executed")
    parser.add_argument("--most", type=int, default=60)
    parser.add_argument("--json", action="store_true")
    chosen = parser.parse_args()
    console, commit = Console(width=150), chosen.against
    try:
        with tree_of(commit) if commit != "none" else _no_tree() as tree:
            found = compared([ROOT, *([tree] if tree else [])], chosen.events, chosen.counted, chosen.rounds)
    except Unknown as unknown:
        console.print(f"the folds are not compared with {commit}, which is not in this clone: {unknown}")
        found, commit = compared([ROOT], chosen.events, chosen.counted, chosen.rounds), "none"
    mine, base = found[0], found[1] if len(found) > 1 else None
    if chosen.json:
        for one in found:
            for figures in one.values():
                del figures["functions"]
        told = {"this": mine, commit: base, "ratios": against(mine, base)} if base else {"this": mine}
        sys.stdout.write(json.dumps(told, indent=2) + "\n")
        return
    console.print(shown(mine, base, commit))
    console.print("rows and outputs, digests:", {name: figures["digest"] for name, figures in mine.items()})
    if chosen.functions:
        console.print(functions(mine, base, chosen.functions, chosen.most))


@contextmanager
def _no_tree() -> Iterator[None]:
    yield None


if __name__ == "__main__":
    main()
