"""Where our keys are kept: a file that only we may read, or an Askar store, which is encrypted.

Both hold the same JSON: a list of identities, each with its DID, its document where the DID does not hold it, and its
keys as private JWKs (RFC 7517) with the ids that the document gives them. A change is there whole or not at all.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Protocol

import msgspec
from aries_askar import AskarError, Store

from tocsin.connectors.didcomm.algorithms import private_jwk, private_key
from tocsin.connectors.didcomm.document import find_key, public_bytes, read_document
from tocsin.connectors.didcomm.faults import KeysUnusable, Unresolvable
from tocsin.connectors.didcomm.keys import Identity, OwnKey
from tocsin.connectors.didcomm.methods import self_contained
from tocsin.connectors.files import read_file, stamp_of

MAX_FILE = 4 * 1024 * 1024
VERSION = 1
_CATEGORY = "tocsin-didcomm"


class KeyStore(Protocol):
    """Where identities are kept."""

    def stamp(self) -> object:
        """Something that is another after each change; None when there is nothing."""
        ...

    async def load(self) -> list[Identity]:
        """All identities. Raises KeysUnusable, also when there is nothing."""
        ...

    async def save(self, identities: Sequence[Identity]) -> None:
        """These, instead of those that are there. Raises KeysUnusable."""
        ...


def store_of(place: Path, passphrase: str | None) -> KeyStore:
    """The file of keys, or with a passphrase the Askar store, at this place."""
    return KeyFile(place) if passphrase is None else AskarStore(place, passphrase)


class KeyFile:
    """A JSON file with mode 0600."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def stamp(self) -> object:
        """As `KeyStore.stamp` says."""
        return stamp_of(self._path)

    async def load(self) -> list[Identity]:
        """As `KeyStore.load` says."""
        try:
            found = os.stat(self._path)
            _check_mode(self._path, found)
            raw = read_file(self._path, MAX_FILE)
        except FileNotFoundError:
            raise KeysUnusable(
                f"there is no file of keys {self._path}: make one with `tocsin didcomm keys create`"
            ) from None
        except OSError as error:
            raise KeysUnusable(f"the file of keys {self._path} cannot be read: {error.strerror}") from None
        return read_identities(raw, f"the file of keys {self._path}")

    async def save(self, identities: Sequence[Identity]) -> None:
        """As `KeyStore.save` says."""
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            _replace(self._path, write_identities(identities))
        except OSError as error:
            raise KeysUnusable(f"the file of keys {self._path} cannot be written: {error.strerror}") from None


class AskarStore:
    """An Askar store in SQLite, opened for each use: other processes use it too."""

    def __init__(self, path: Path, passphrase: str) -> None:
        self._path, self._passphrase = path, passphrase

    def __repr__(self) -> str:
        return f"AskarStore({str(self._path)!r})"

    def stamp(self) -> object:
        """As `KeyStore.stamp` says."""
        return stamp_of(self._path), stamp_of(self._path.with_name(self._path.name + "-wal"))

    async def load(self) -> list[Identity]:
        """As `KeyStore.load` says."""
        if not self._path.exists():
            raise KeysUnusable(f"there is no Askar store {self._path}: make one with `tocsin didcomm keys create`")
        try:
            store = await Store.open(self._uri(), pass_key=self._passphrase)
            try:
                async with store.session() as session:
                    entry = await session.fetch(_CATEGORY, "identities")
            finally:
                await store.close()
        except AskarError as error:
            raise self._unusable(error) from None
        if entry is None:
            raise KeysUnusable(f"the Askar store {self._path} has no keys of ours: `tocsin didcomm keys create`")
        return read_identities(bytes(entry.value), f"the Askar store {self._path}")

    async def save(self, identities: Sequence[Identity]) -> None:
        """As `KeyStore.save` says."""
        value = write_identities(identities)
        try:
            self._path.parent.mkdir(parents=True, exist_ok=True)
            store = await Store.provision(self._uri(), pass_key=self._passphrase, recreate=False)
            try:
                async with store.transaction() as session:
                    there = await session.fetch(_CATEGORY, "identities", for_update=True)
                    write = session.insert if there is None else session.replace
                    await write(_CATEGORY, "identities", value)
                    await session.commit()
            finally:
                await store.close()
            os.chmod(self._path, 0o600)
        except (AskarError, OSError) as error:
            raise self._unusable(error) from None

    def _uri(self) -> str:
        return f"sqlite://{self._path.absolute()}"

    def _unusable(self, error: Exception) -> KeysUnusable:
        return KeysUnusable(f"the Askar store {self._path} does not open with this passphrase, or is none ({error})")


@contextlib.contextmanager
def changing(place: Path) -> Iterator[None]:
    """One change of the keys at a place at a time: read, change and save inside it. Raises KeysUnusable."""
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        lock = os.open(place.with_name(f".{place.name}.lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise KeysUnusable(f"{place.parent} cannot be written: {error.strerror}") from None
    try:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield
    finally:
        os.close(lock)


def read_identities(raw: bytes, where: str) -> list[Identity]:
    """The identities of a store's JSON. Raises KeysUnusable, which names the identity and never a key."""
    try:
        found = msgspec.json.decode(raw)
        if found["version"] != VERSION:
            raise KeysUnusable(f"{where} is of another version than {VERSION}, which this release reads")
        identities = [_identity(each, where) for each in found["identities"]]
    except KeysUnusable:
        raise
    except Exception:  # whatever is in it, its text may be a key
        raise KeysUnusable(f"{where} is no JSON as `tocsin didcomm keys create` writes it") from None
    return identities


def write_identities(identities: Sequence[Identity]) -> bytes:
    """The JSON of a store."""
    kept = [
        {
            "name": one.name,
            "did": one.did,
            "current": one.current,
            "made_at": one.made_at,
            "document": one.source,
            "keys": [{"kid": key.public.id, **private_jwk(key.private)} for key in one.keys],
        }
        for one in identities
    ]
    return msgspec.json.format(msgspec.json.encode({"version": VERSION, "identities": kept}), indent=2) + b"\n"


def _identity(found: Mapping[str, Any], where: str) -> Identity:
    did, source = str(found["did"]), found.get("document")
    name = str(found["name"])
    try:
        document = read_document(did, source) if source is not None else self_contained(did)
    except Unresolvable as unresolvable:
        raise KeysUnusable(f"{where}: the DID of {name} has no document: {unresolvable.detail}") from None
    if document is None:
        raise KeysUnusable(f"{where}: {name} is a did:web without its document")
    keys = []
    for jwk in found["keys"]:
        public = find_key((*document.key_agreement, *document.authentication), jwk["kid"])
        try:
            if public is None or public_bytes(jwk) != (public.curve, public.public):
                raise ValueError("it is not in the document")
            keys.append(OwnKey(public=public, private=private_key(jwk)))
        except ValueError as error:
            raise KeysUnusable(f"{where}: a key of {name}: {error}") from None
    return Identity(
        name=name, document=document, keys=tuple(keys), current=bool(found["current"]), made_at=int(found["made_at"]),
        source=source,
    )  # fmt: skip


def _replace(path: Path, content: bytes) -> None:
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600), "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.replace(beside, path)
    except OSError:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


def _check_mode(path: Path, found: os.stat_result) -> None:
    """Others may not read it; the group may, where it is not ours (a volume of Kubernetes with an fsGroup)."""
    open_to = found.st_mode & (stat.S_IRWXO | stat.S_IWGRP)
    if found.st_uid == os.geteuid():
        open_to |= found.st_mode & stat.S_IRWXG
    if open_to:
        raise KeysUnusable(f"the file of keys {path} may be used by others: chmod 600 {path}")
