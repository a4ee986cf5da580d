"""DIDs and the names of their keys, as texts (W3C DID Core 3): what one names, and when two name the same."""

from __future__ import annotations

import re
from typing import Literal

Curve = Literal["Ed25519", "X25519", "P-256", "P-384", "P-521", "secp256k1"]
"""Of a key."""
MAX_DID = 4096
"""Characters of a DID; the long forms of did:peer have hundreds."""

_DID = re.compile(r"did:[a-z0-9]+:(?:[A-Za-z0-9._:-]|%[0-9A-Fa-f]{2})*[A-Za-z0-9._-]")
_LONG_PEER4 = re.compile(r"(did:peer:4zQm[1-9A-HJ-NP-Za-km-z]{44}):z[1-9A-HJ-NP-Za-km-z]+")


def is_did(text: object) -> bool:
    """Whether it is a DID, without path, query and fragment."""
    return isinstance(text, str) and len(text) <= MAX_DID and _DID.fullmatch(text) is not None


def split_key_id(key_id: object) -> tuple[str, str]:
    """The DID and the fragment of the id of a key. Raises ValueError for anything else."""
    if not isinstance(key_id, str) or len(key_id) > MAX_DID + 256:
        raise ValueError("it is not the id of a key")
    did, mark, fragment = key_id.partition("#")
    if not mark or not fragment or not fragment.isprintable() or not is_did(did):
        raise ValueError("it is not the id of a key: a DID, # and a name")
    return did, fragment


def short(did: str) -> str:
    """The shortest text for the same DID: a did:peer:4 is named by its hash alone, too."""
    long = _LONG_PEER4.fullmatch(did)
    return did if long is None else long[1]


def same_did(one: object, other: object) -> bool:
    """Whether two texts name the same DID; not when one of them is no text."""
    return isinstance(one, str) and isinstance(other, str) and short(one) == short(other)


def method_of(did: str) -> str:
    """`peer`, `web`, ..."""
    return did.split(":", 2)[1]
