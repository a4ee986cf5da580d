"""The store's schema is brought up to date before it is used, by whoever writes it, under a lock.

A store that a later release has made is left alone: what it means is not known here.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, text

from tocsin.schemas.errors import TocsinError

VERSION_TABLE = "store_version"
_LOCK = 0x746F63736E  # any number that nobody else takes: "tocsn"


class StoreTooNew(TocsinError):
    """A later release of Tocsin made the store what it is. Exit code 78."""

    exit_code = 78


class StoreTooOld(TocsinError):
    """The store is not there yet, or not brought up to date: the projector does so when it starts. Exit code 69."""

    exit_code = 69


def newest() -> str:
    """The revision that this release knows."""
    return str(_scripts().get_current_head())


def migrate(connection: Connection, target: str | None = None, *, most: int | None = None) -> list[str]:
    """Bring the schema up to date (or to `target`, or by so many revisions at `most`), in this transaction; the
    revisions that were carried out. Raises StoreTooNew."""
    if connection.dialect.name == "postgresql":  # SQLite's transaction holds the lock itself
        connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": _LOCK})
    scripts, done = _scripts(), list[str]()
    _refuse_newer(scripts, connection)

    def upgrade(revision: Any, context: MigrationContext) -> Any:
        steps = scripts._upgrade_revs(target or "head", revision)[:most]
        done.extend(step.revision.revision for step in steps)
        return steps

    context = MigrationContext.configure(
        connection, opts={"fn": upgrade, "version_table": VERSION_TABLE, "transactional_ddl": True}
    )
    with Operations.context(context):
        context.run_migrations()
    return done


def next_step(connection: Connection) -> list[str]:
    """The next revision, in this transaction; none when it is up to date. Raises StoreTooNew."""
    return migrate(connection, most=1)


def missing(connection: Connection) -> int:
    """How many revisions are to be carried out. Raises StoreTooNew."""
    scripts = _scripts()
    found = _refuse_newer(scripts, connection)
    return len(scripts._upgrade_revs("head", found or "base"))


def check_schema(connection: Connection) -> None:
    """Raises StoreTooNew, or StoreTooOld when it is to be brought up to date first."""
    scripts = _scripts()
    found = _refuse_newer(scripts, connection)
    if found != newest():
        raise StoreTooOld(
            f"the store has schema {found or 'none'}, and {newest()} is needed; start `tocsin project`, "
            "which brings it up to date"
        )


def _refuse_newer(scripts: ScriptDirectory, connection: Connection) -> str | None:
    context = MigrationContext.configure(connection, opts={"version_table": VERSION_TABLE})
    found = context.get_current_revision()
    if found is not None and found not in {script.revision for script in scripts.walk_revisions()}:
        raise StoreTooNew(
            f"the store has schema {found}, made by a later release of Tocsin; this one knows up to {newest()}. "
            "Run that release, or give this one a store of its own (TOCSIN_STORE): it is filled from Kafka"
        )
    return found


def _scripts() -> ScriptDirectory:
    return ScriptDirectory(str(Path(__file__).parent / "migrations"))
