"""Every test of the store is run on both databases."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.databases import emptied


@pytest.fixture(params=["sqlite", "postgresql"])
def address(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    """An empty store, as TOCSIN_STORE has it."""
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'store.db'}"
    return emptied(request.getfixturevalue("postgres"))
