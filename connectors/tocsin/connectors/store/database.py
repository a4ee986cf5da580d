"""One adapter for two databases: a function of a connection is run in a transaction, on SQLite in a thread, on
PostgreSQL between the awaits of asyncpg."""

from __future__ import annotations

import asyncio
import fcntl
import os
import sqlite3
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Any, Protocol, TypeVar, cast
from urllib.parse import quote

from sqlalchemy import Connection, Engine, QueuePool, create_engine, event, func, select
from sqlalchemy.exc import DBAPIError, InterfaceError, OperationalError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from tocsin.connectors.store_address import StoreAddress, StoreMisconfigured
from tocsin.schemas.errors import TocsinError

T = TypeVar("T")

READERS = 4
"""How many questions are answered at a time."""
READ_WITHIN = 10.0
"""Seconds that one question may take; then it is given up, and its asker told so."""
LOCK_WITHIN = 30.0
"""Seconds that a transaction of SQLite waits for another process that writes."""
_LOCK = 0x746F63736F  # of the projector; beside that of migrating.py


class StoreUnavailable(TocsinError):
    """The store does not answer, or not in time. Exit code 69."""

    exit_code = 69


class Database(Protocol):
    """Runs functions of a connection, each in a transaction of its own. The function may be run on another thread, and
    must not keep the connection. What a cancelled `write` does is not known: it is committed or it is not."""

    sqlite: bool

    async def read(self, ask: Callable[[Connection], T]) -> T:
        """What `ask` returns, of one moment. Raises StoreUnavailable."""

    async def write(self, change: Callable[[Connection], T]) -> T:
        """What `change` returns, once it is committed. Raises StoreUnavailable, or as `change`: then nothing is."""

    async def alone(self) -> bool:
        """Whether this one may write, and keeps others from it until it is closed. Raises StoreUnavailable."""

    async def settle(self) -> None:
        """What was deleted is in no file beside the database any more. Raises StoreUnavailable."""

    async def close(self) -> None:
        """Wait for what runs, and close the connections."""


def database_of(address: StoreAddress, *, make: bool = False) -> Database:
    """The database, not connected yet. With `make` a missing SQLite file is made. Raises StoreMisconfigured."""
    if address.path is None:
        return _PostgreSQL(address)
    return _SQLite(address.path, make)


class _SQLite:
    sqlite = True

    def __init__(self, path: Path, make: bool) -> None:
        self._path = path
        self._lock: int | None = None
        if make:
            _made(path)
        self._threads = ThreadPoolExecutor(READERS + 1, "store")
        self._engine: Engine = create_engine(
            "sqlite://", creator=self._connect, poolclass=QueuePool, pool_size=READERS + 1, max_overflow=0
        )
        event.listen(self._engine, "connect", _prepared)
        event.listen(self._engine, "begin", _begun)

    def _connect(self) -> sqlite3.Connection:
        where = f"file:{quote(str(self._path))}?mode=rw"
        return sqlite3.connect(where, uri=True, check_same_thread=False, timeout=LOCK_WITHIN)

    async def read(self, ask: Callable[[Connection], T]) -> T:
        return await self._run(lambda: self._read(ask))

    async def write(self, change: Callable[[Connection], T]) -> T:
        return await self._run(lambda: self._write(change))

    async def alone(self) -> bool:
        if self._lock is None:
            lock = os.open(self._path.with_name(self._path.name + ".projector"), os.O_CREAT | os.O_RDWR, 0o600)
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                os.close(lock)
                return False
            self._lock = lock
        return True

    async def settle(self) -> None:
        def checkpoint() -> None:
            connection = self._engine.raw_connection()
            try:
                connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            finally:
                connection.close()

        await self._run(checkpoint)

    async def close(self) -> None:
        if self._lock is not None:
            os.close(self._lock)
        await asyncio.to_thread(self._threads.shutdown, wait=True)
        self._engine.dispose()

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except (OperationalError, InterfaceError) as error:
            raise StoreUnavailable(f"the store at {self._path}: {error.orig}") from error

    def _read(self, ask: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            until = monotonic() + READ_WITHIN
            driver = cast(Any, connection.connection.driver_connection)
            driver.set_progress_handler(lambda: monotonic() > until, 20_000)
            try:
                return ask(connection)
            finally:
                driver.set_progress_handler(None, 0)

    def _write(self, change: Callable[[Connection], T]) -> T:
        with self._engine.connect().execution_options(store_writes=True) as connection, connection.begin():
            return change(connection)


class _PostgreSQL:
    sqlite = False

    def __init__(self, address: StoreAddress) -> None:
        self._shown = address.shown
        self._lock: AsyncConnection | None = None
        try:
            self._engine: AsyncEngine = create_async_engine(
                address.url,
                pool_size=READERS + 1,
                max_overflow=0,
                pool_pre_ping=True,
                connect_args={"timeout": 5, "server_settings": {"application_name": "tocsin"}},
            )
        except ImportError as error:
            raise StoreMisconfigured(f"PostgreSQL needs tocsin[postgres]: {error}") from None

    async def read(self, ask: Callable[[Connection], T]) -> T:
        async def asked() -> T:
            async with asyncio.timeout(READ_WITHIN), self._engine.connect() as connection:
                snapshot = await connection.execution_options(
                    isolation_level="REPEATABLE READ", postgresql_readonly=True
                )
                return await snapshot.run_sync(ask)

        return await self._run(asked())

    async def write(self, change: Callable[[Connection], T]) -> T:
        async def changed() -> T:
            async with self._engine.begin() as connection:
                return await connection.run_sync(change)

        return await self._run(changed())

    async def alone(self) -> bool:
        async def locked() -> bool:
            if self._lock is None:
                self._lock = await self._engine.connect()
                await self._lock.execution_options(isolation_level="AUTOCOMMIT")
            return bool((await self._lock.execute(select(func.pg_try_advisory_lock(_LOCK)))).scalar())

        return await self._run(locked())

    async def settle(self) -> None:
        """Nothing to do: VACUUM is the database's own business."""

    async def close(self) -> None:
        if self._lock is not None:
            await self._lock.close()
        await self._engine.dispose()

    async def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return await work
        except (OSError, TimeoutError) as error:
            raise StoreUnavailable(f"the store at {self._shown}: {_why(error)}") from error
        except DBAPIError as error:
            if _of_what_was_asked(error):
                raise
            raise StoreUnavailable(f"the store at {self._shown}: {_why(error)}") from error


def _of_what_was_asked(error: DBAPIError) -> bool:
    """Whether PostgreSQL, or its driver, does not take a value or a statement; else it is away, or in trouble."""
    cause = getattr(error.orig, "__cause__", None)
    return isinstance(cause, ValueError) or str(getattr(cause, "sqlstate", None))[:2] in ("21", "22", "23", "42")


def _why(error: Exception) -> str:
    return str(getattr(error, "orig", None) or error or type(error).__name__)[:300]


def _made(path: Path) -> None:
    """The file, for its user alone; what SQLite puts beside it has the same mode."""
    try:
        path.parent.mkdir(0o700, parents=True, exist_ok=True)
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    except OSError as error:
        raise StoreMisconfigured(f"the store at {path}: {error.strerror}; correct TOCSIN_STORE") from None


def _prepared(connection: Any, record: object) -> None:
    connection.isolation_level = None  # sqlite3 would begin where it likes
    cursor = connection.cursor()
    for pragma in (
        "journal_mode = WAL",
        "synchronous = NORMAL",
        "secure_delete = FAST",
        "cache_size = -65536",
        "mmap_size = 268435456",
        "temp_store = MEMORY",
        "wal_autocheckpoint = 4000",
        "foreign_keys = OFF",
    ):
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begun(connection: Connection) -> None:
    # IMMEDIATE: one that begins by reading and then writes would fail for one that wrote in between
    writes = connection.get_execution_options().get("store_writes")
    connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
