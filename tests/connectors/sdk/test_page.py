"""docs/sdk.md and docs/publish.md: their programs run as printed, here without a bus."""

from __future__ import annotations

import logging
import re
import sys
import threading
from pathlib import Path

import pytest

from tests.connectors.publish.test_threads import ids_in
from tocsin.connectors import sdk, unhandled
from tocsin.connectors.publish import HttpPublisher, exception_codes
from tocsin.connectors.publish.kafka import Publisher

ROOT = Path(__file__).parents[3]
PROGRAMS = {
    f"{name} {number}": code
    for name in ("docs/sdk.md", "docs/publish.md", "README.md")
    for number, code in enumerate(re.findall(r"```python\n(.*?)```", (ROOT / name).read_text("utf-8"), re.DOTALL))
    if name != "README.md" or "sdk" in code
}
LEAVES = {"docs/sdk.md 0": 1, "docs/sdk.md 3": 6, "docs/publish.md 0": 1, "docs/publish.md 1": 2, "README.md 1": 1}


@pytest.mark.parametrize(("name", "code"), PROGRAMS.items(), ids=list(PROGRAMS))
def test_a_program_of_the_page(name: str, code: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for kind in (Publisher, HttpPublisher):
        monkeypatch.setitem(kind.__init__.__kwdefaults__ or {}, "deadline", 0.3)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_STATE_HOME", raising=False)
    monkeypatch.setattr(exception_codes, "_CODES", {})
    monkeypatch.setattr(logging.getLogger(), "handlers", logging.getLogger().handlers[:])
    monkeypatch.setattr(unhandled, "_WATCHED", [])
    monkeypatch.setattr(sys, "excepthook", sys.excepthook)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    code = code.replace("localhost:9092", "127.0.0.1:1").replace("https://bus.example.org", "https://127.0.0.1:1")
    try:
        exec(code, {"__name__": "page"})
    finally:
        sdk.close()
    kinds = {folder.parent for folder in tmp_path.rglob("kafka-*")}
    assert sum(len(ids_in(folder)) for folder in kinds) == LEAVES.get(name, 0)


def test_the_pages_have_programs() -> None:
    assert len(PROGRAMS) == 9
