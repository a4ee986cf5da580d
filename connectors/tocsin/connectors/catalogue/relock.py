"""`python -m tocsin.connectors.catalogue.relock`: writes the lock file for the data files as they are now."""

from __future__ import annotations

import json
from pathlib import Path

from tocsin.connectors.catalogue.files import LOCK_FILE, file_hash, shipped_files


def lock_text() -> str:
    """What the lock file must hold."""
    hashes = {name: file_hash(raw) for name, raw in shipped_files().items()}
    return json.dumps({"sha256": hashes}, indent=2) + "\n"


if __name__ == "__main__":
    (Path(__file__).parent / LOCK_FILE).write_text(lock_text(), "utf-8")
