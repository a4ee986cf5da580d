"""Who signs the certificate of another side, where that is not whom the system trusts."""

from __future__ import annotations

import ssl
from typing import Annotated

from tocsin.connectors.secrets import Secret

MAX_CA_FILE = 256 * 1024
"""Bytes of a file of certificates."""


def trusting(pem: str) -> ssl.SSLContext:
    """TLS that takes only certificates which one of these has signed. Raises ssl.SSLError, ValueError."""
    return ssl.create_default_context(cadata=pem)


def _certificates(pem: str) -> None:
    try:
        trusting(pem)
    except (ssl.SSLError, ValueError):
        raise ValueError("a CA file holds certificates in PEM") from None


CaFile = Annotated[
    str, Secret("file", _certificates, "PEM: BEGIN CERTIFICATE ...", name="CA", limit=MAX_CA_FILE)
]  # fmt: skip
"""The certificates of a file that a setting names."""
