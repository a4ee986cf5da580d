"""The catalogue's files and their hashes: a changed text is seen (RFC 0043 catalogues; docs/requirements.md#c13)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256
from importlib.resources import files
from pathlib import Path

ADVICE_FILE = "advice.json"
LOCK_FILE = "codes.lock.json"
"""SHA-256 by file name. `python -m tocsin.connectors.catalogue.files` writes it anew after a wanted change."""

_PACKAGE = "tocsin.connectors.catalogue"


def shipped_files() -> dict[str, bytes]:
    """Every data file by its name within the package, sorted: `advice.json`, `codes/...json`."""
    folder = files(_PACKAGE)
    found = {f"codes/{each.name}": each.read_bytes() for each in folder.joinpath("codes").iterdir()}
    found[ADVICE_FILE] = folder.joinpath(ADVICE_FILE).read_bytes()
    return {name: found[name] for name in sorted(found) if name.endswith(".json")}


def locked_hashes() -> dict[str, str]:
    """The lock file: SHA-256 (hex) by file name."""
    hashes: dict[str, str] = json.loads(files(_PACKAGE).joinpath(LOCK_FILE).read_bytes())["sha256"]
    return hashes


def file_hash(raw: bytes) -> str:
    """SHA-256 (hex) over the canonical JSON of a file: keys sorted, no layout, UTF-8. Raises ValueError: no JSON."""
    canonical = json.dumps(json.loads(raw), sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(canonical.encode()).hexdigest()


def catalogue_hash(raws: Mapping[str, bytes]) -> str:
    """SHA-256 (hex) over the names and hashes of all files: one value for the whole catalogue."""
    lines = [f"{name} {file_hash(raw)}\n" for name, raw in sorted(raws.items())]
    return sha256("".join(lines).encode()).hexdigest()


def lock_text() -> str:
    """What the lock file must hold."""
    hashes = {name: file_hash(raw) for name, raw in shipped_files().items()}
    return json.dumps({"sha256": hashes}, indent=2) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent / LOCK_FILE).write_text(lock_text(), "utf-8")
