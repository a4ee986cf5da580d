"""A projector that brings a large store up to date is alive meanwhile, and says what it waits for."""

from __future__ import annotations

import asyncio
import socket
import sqlite3
from contextlib import closing
from pathlib import Path

import aiohttp

from tocsin.connectors import store
from tocsin.connectors.store import address_of
from tocsin.connectors.store.database import database_of
from tocsin.connectors.store.migrating import migrate
from tocsin.streams.processes.project import run_project_process
from tocsin.streams.settings import Settings


async def _answer(url: str, status: int) -> object:
    """What it says, once it answers so."""
    async with aiohttp.ClientSession() as session, asyncio.timeout(25):
        while True:
            try:
                async with session.get(url) as answer:
                    if answer.status == status:
                        return await answer.json()
            except aiohttp.ClientError:
                pass
            await asyncio.sleep(0.05)


VERSIONS = Path(store.__path__[0]) / "migrations" / "versions"
LATER = sum(file.name[:4] > "0002" for file in VERSIONS.glob("0*.py"))
"""How many migrations there are after that at which the test begins."""


async def test_it_is_alive_and_not_ready_while_it_migrates(tmp_path: Path) -> None:
    path = tmp_path / "store.db"
    database = database_of(address_of(f"sqlite:///{path}"), make=True)
    await database.write(lambda connection: migrate(connection, "0002"))
    await database.close()
    with socket.socket() as reserved:
        reserved.bind(("127.0.0.1", 0))
        port = reserved.getsockname()[1]
    settings = Settings(bootstrap="127.0.0.1:1", store=f"sqlite:///{path}", metrics_port=port, home=tmp_path)
    with closing(sqlite3.connect(path)) as other:
        other.execute("BEGIN IMMEDIATE")  # so that the migration takes its time
        working = asyncio.create_task(run_project_process(settings, asyncio.Event(), lambda ready: None))
        try:
            assert await _answer(f"http://127.0.0.1:{port}/healthz", 200) == {"alive": True}
            said = await _answer(f"http://127.0.0.1:{port}/readyz", 503)
            while said == {"ready": False, "reason": "opening the store"}:
                said = await _answer(f"http://127.0.0.1:{port}/readyz", 503)
            assert said == {"ready": False, "reason": f"migrating the store: 1 of {LATER}"}
        finally:
            other.rollback()
            working.cancel()
            await asyncio.wait([working])
