"""The protocols that ship with Tocsin, checked as they are read."""

from __future__ import annotations

from functools import lru_cache
from importlib.resources import files

import msgspec

from tocsin.connectors.dialects.message_types import parse_piuri
from tocsin.streams.protocols.checking import findings_of
from tocsin.streams.protocols.machine import Protocol, ProtocolError

PROTOCOLS = (
    "coordinate-mediation-2",
    "messagepickup-3",
    "routing-2",
    "connections-1",
    "didexchange-1",
    "out-of-band-1",
    "out-of-band-2",
    "issue-credential",
    "present-proof",
)
"""The names of all protocols, one file each."""


def read_protocol(data: bytes) -> Protocol:
    """The protocol in a file's JSON. Raises ProtocolError with all that is wrong, one finding a line."""
    try:
        protocol = msgspec.json.decode(data, type=Protocol)
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise ProtocolError(str(error)) from error
    found = findings_of(protocol)
    if found:
        raise ProtocolError("\n".join(f"{protocol.name}: {finding}" for finding in found))
    return protocol


@lru_cache
def load_protocol(name: str) -> Protocol:
    """A protocol that ships with Tocsin. Raises ProtocolError when there is none of that name."""
    if name not in PROTOCOLS:
        raise ProtocolError(f"there is no protocol {name}; there are {', '.join(PROTOCOLS)}")
    return read_protocol(files("tocsin.streams.protocols").joinpath("machines", f"{name}.json").read_bytes())


def protocol_of(message_type: str) -> Protocol | None:
    """The protocol that a message type or PIURI belongs to, by name and major version; None when none is known.

    A minor version that no file lists counts as its major version (RFC 0003).
    """
    parsed = parse_piuri(message_type)
    name = _by_piuri().get(parsed[:2]) if parsed else None
    return load_protocol(name) if name else None


@lru_cache
def _by_piuri() -> dict[tuple[str, int], str]:
    parsed = ((parse_piuri(piuri), name) for name in PROTOCOLS for piuri in load_protocol(name).piuris)
    return {piuri[:2]: name for piuri, name in parsed if piuri is not None}
