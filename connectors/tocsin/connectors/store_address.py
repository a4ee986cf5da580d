"""Where the store is: TOCSIN_STORE as `sqlite:///PATH` or `postgresql://USER:PASSWORD@HOST:PORT/DATABASE`."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from urllib.parse import parse_qsl, unquote, urlsplit

from tocsin.schemas.errors import TocsinError

EXPECTED = "expected sqlite:///PATH or postgresql://USER:PASSWORD@HOST:PORT/DATABASE"
_QUERY = frozenset(("host", "port", "ssl"))


class StoreMisconfigured(TocsinError):
    """The store cannot be what TOCSIN_STORE says; the message names no password. Exit code 78."""

    exit_code = 78


@dataclass(frozen=True, slots=True)
class StoreAddress:
    """A checked address: of SQLite its `path`, of PostgreSQL the `url` with its password; `shown` is without."""

    shown: str
    path: Path | None = None
    url: str = ""

    def __repr__(self) -> str:
        return f"StoreAddress({self.shown!r})"


def checked_store(value: str) -> str:
    """The address as it is, once it was read. Raises ValueError."""
    address_of(value)
    return value


def address_of(value: str) -> StoreAddress:
    """The address in the text. Raises ValueError that says what is expected, without the text."""
    scheme, _, rest = value.partition("://")
    if scheme == "sqlite":
        path = rest.removeprefix("/")
        if not rest.startswith("/") or not path or "?" in path or path == ":memory:":
            raise ValueError(
                f"{EXPECTED}; a path is relative (sqlite:///store.db) or absolute (sqlite:////var/store.db)"
            )
        return StoreAddress(value, path=Path(unquote(path)).expanduser().absolute())
    if scheme in ("postgresql", "postgres"):
        return _postgresql(rest)
    raise ValueError(EXPECTED)


def _postgresql(rest: str) -> StoreAddress:
    parts = urlsplit(f"postgresql://{rest}")
    try:
        port = parts.port
    except ValueError:
        raise ValueError(f"{EXPECTED}; its port is no number") from None
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(set(query) - _QUERY):
        raise ValueError(f"{EXPECTED}; after ? there may be {', '.join(sorted(_QUERY))}, not {', '.join(unknown)[:60]}")
    if not parts.path.strip("/") or (not parts.hostname and "host" not in query):
        raise ValueError(f"{EXPECTED}; its host or its database is missing")
    where = (parts.hostname or query.get("host", "")) + ("" if port is None else f":{port}")
    return StoreAddress(f"postgresql://{where}{parts.path}", url=f"postgresql+asyncpg://{rest}")


def masked_store(value: str) -> str:
    """The address as people may see it: without user and password."""
    try:
        return address_of(value).shown
    except ValueError:
        return "***"
