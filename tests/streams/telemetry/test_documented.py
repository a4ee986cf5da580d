"""Every metric has its row in docs/reliability.md, and there is no row of one that is gone."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
NAME = re.compile(r"tocsin_[a-z_]+")


def in_the_code() -> set[str]:
    """The names that the code gives to metrics: a string of nothing else."""
    files = [file for part in ("streams", "connectors") for file in (ROOT / part).rglob("*.py")]
    found = {name for file in files for name in re.findall(r'"(tocsin_[a-z_]+)"', file.read_text("utf-8"))}
    return {name.removesuffix("_total") for name in found}


def in_the_table() -> set[str]:
    page = (ROOT / "docs" / "reliability.md").read_text("utf-8")
    rows = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `tocsin_")]
    return {name.removesuffix("_total") for row in rows for name in NAME.findall(row)}


def test_the_table_of_metrics() -> None:
    assert in_the_table() == in_the_code()
