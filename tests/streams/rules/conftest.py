"""Rows for a rule: none yet, or as many as a test wants."""

from __future__ import annotations

import pytest

from tests.harness.dict_rows import DictRows

__all__ = ["DictRows", "new_rows", "rows"]


@pytest.fixture
def rows() -> DictRows:
    """No rows yet."""
    return DictRows()


@pytest.fixture(scope="session")
def new_rows() -> type[DictRows]:
    """Makes rows, for tests that need several."""
    return DictRows
