"""Alice and Bob of the specification's appendix (`vectors/`), whose DIDs nobody can resolve but this file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from tocsin.connectors.didcomm.algorithms import private_key
from tocsin.connectors.didcomm.cache import DocumentCache
from tocsin.connectors.didcomm.document import find_key, read_document
from tocsin.connectors.didcomm.keys import Identity, KeyRing, OwnKey
from tocsin.connectors.didcomm.opening import Opener
from tocsin.connectors.didcomm.packing import Writer
from tocsin.connectors.didcomm.port import MAX_ENVELOPE
from tocsin.connectors.didcomm.resolver import Resolver, no_web

APPENDIX: dict[str, Any] = json.loads(
    Path(__file__).with_name("vectors").joinpath("didcomm-2.1-appendix.json").read_text()
)
DOCUMENTS = {found["id"]: read_document(found["id"], found) for found in APPENDIX["documents"]}
ALICE, BOB = DOCUMENTS


def identity(did: str) -> Identity:
    """Alice or Bob, with their private keys."""
    document = DOCUMENTS[did]
    known = (*document.key_agreement, *document.authentication)
    keys = [
        OwnKey(public=public, private=private_key(secret))
        for secret in APPENDIX["secrets"]
        if (public := find_key(known, secret["kid"])) is not None
    ]
    return Identity(name="default", document=document, keys=tuple(keys))


def resolver() -> Resolver:
    cache = DocumentCache(limit=10, age=1, failure_age=1)
    return Resolver(DOCUMENTS.get, no_web, cache, now=lambda: 0.0)


def opener(*dids: str, limit: int = MAX_ENVELOPE) -> Opener:
    ring = KeyRing([identity(did) for did in dids])
    return Opener(lambda: ring, resolver(), limit)


def writer(did: str) -> Writer:
    ring = KeyRing([identity(did)])
    return Writer(lambda: ring, resolver(), MAX_ENVELOPE)
