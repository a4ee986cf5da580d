"""Agents of other makers, as fixtures. A test with one that is not installed is skipped, with a line that says how to
get it; with the variable PEERS_REQUIRED it fails."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from tests.peers import installing
from tests.peers.acapy import AcaPy
from tests.peers.credo import Credo
from tests.peers.veramo import Veramo


def _must_be_here(find: Callable[[], object]) -> None:
    try:
        find()
    except installing.Missing as missing:
        if os.environ.get("PEERS_REQUIRED"):
            pytest.fail(str(missing))
        pytest.skip(str(missing))


@pytest.fixture(scope="session")
def acapy_is_here() -> None:
    _must_be_here(installing.acapy)


@pytest.fixture(scope="session")
def credo_is_here() -> None:
    _must_be_here(installing.credo)


@pytest.fixture(scope="session")
def veramo_is_here() -> None:
    _must_be_here(installing.veramo)


@pytest.fixture
async def acapy(acapy_is_here: None, tmp_path: Path) -> AsyncIterator[AcaPy]:
    async with AcaPy(tmp_path) as agent:
        yield agent


@pytest.fixture
async def credo(credo_is_here: None, tmp_path: Path) -> AsyncIterator[Credo]:
    async with Credo(tmp_path) as agent:
        yield agent


@pytest.fixture
async def veramo(veramo_is_here: None, tmp_path: Path) -> AsyncIterator[Veramo]:
    async with Veramo(tmp_path) as agent:
        yield agent
