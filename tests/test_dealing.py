"""Each process begins with its share of what may take long, and has as many tests as the others."""

from __future__ import annotations

from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from tests.harness.dealing import dealt

# the tests (name, seconds it may take, its group), processes, what each begins with (capitals are long), in this order
RUNS = {
    "one process": (["a", "B 300", "C 900"], 1, ["C B a"]),
    "the longest first, one each": (["a", "B 300", "C 900", "d", "E 600", "f"], 2, ["C a d", "E B f"]),
    "as many for each": (["A 300", "B 300", "C 300", "d", "e", "f", "g", "h"], 3, ["A d", "B e f", "C g h"]),
    "a group stays together": (["A 900 g", "B 600", "C 600 g", "d"], 2, ["A C", "B d"]),
    "what may take as long as any is not long": (["a", "b 120", "C 121", "d 20"], 2, ["C a", "b d"]),
    "none is long": (["a", "b", "c"], 2, ["a", "b c"]),
    "fewer than processes": (["A 300"], 4, ["A", "", "", ""]),
    "none": ([], 2, ["", ""]),
}


@pytest.mark.parametrize(("tests", "processes", "begins"), list(RUNS.values()), ids=list(RUNS))
def test_dealt(tests: Sequence[str], processes: int, begins: Sequence[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTEST_XDIST_WORKER_COUNT", str(processes))
    found = [item.nodeid for item in dealt([_item(*test.split()) for test in tests])]
    assert found == [name for share in begins for name in share.split()]


def _item(name: str, seconds: str = "", group: str = "") -> Any:
    markers = {"timeout": seconds, "xdist_group": group}
    return SimpleNamespace(
        nodeid=name,
        config=SimpleNamespace(getini={"timeout": "120"}.__getitem__),
        get_closest_marker=lambda marker: SimpleNamespace(args=[markers[marker]]) if markers[marker] else None,
    )
