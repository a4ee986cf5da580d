"""Where our keys are, and how DIDs are resolved."""

from __future__ import annotations

from pathlib import Path

from msgspec import Struct

from tocsin.connectors.didcomm.port import MAX_ENVELOPE
from tocsin.connectors.egress.proxy import Proxy


class PackerConfig(Struct, frozen=True, kw_only=True):
    """Settings of a packer; TOCSIN_DIDCOMM_* or a sink's own."""

    keys: Path
    """The file of keys; or, with a passphrase, an Askar store (SQLite)."""
    passphrase: str | None = None
    """Of the Askar store."""
    did_web: bool = False
    """Whether documents of did:web are fetched: whoever sends us an envelope chooses from which host."""
    allow_private: bool = False
    """Whether they may come from private addresses and any port."""
    proxy: Proxy | None = None
    ca_file: str | None = None
    """Certificates in PEM: who signs those of the hosts, instead of whom the system trusts."""
    timeout: float = 5.0
    connect_timeout: float = 3.0
    max_bytes: int = MAX_ENVELOPE
    """The largest envelope."""
    documents: int = 1000
    """How many DID documents are remembered."""
    document_age: float = 300.0
    """Seconds after which the document of a did:web is fetched again."""
    failure_age: float = 30.0
    """Seconds in which it is not asked for again after that failed."""

    def __repr__(self) -> str:
        """Without the passphrase."""
        return f"PackerConfig(keys={str(self.keys)!r})"
