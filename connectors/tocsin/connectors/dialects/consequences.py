"""What follows from a code alone: for the protocol that it interrupts, and for who is told by default."""

from __future__ import annotations

from enum import StrEnum

from tocsin.connectors.dialects.codes import fold_code

VERSION_WARNINGS = frozenset({"fields-ignored-due-to-version-mismatch", "version-with-degraded-features"})
"""Warnings about a minor version, as keys: RFC 0003 deprecates them, they "arrive late" (REQUIREMENTS R12)."""


class Consequence(StrEnum):
    """What becomes of the protocol in which a code was reported."""

    FLOW_CONTINUES = "flow-continues"
    PROTOCOL_ENDS = "protocol-ends"


def consequence_of_unknown(code: str) -> Consequence:
    """What a code that the receiver does not know does: one that begins `w.` is a warning and the flow continues; any
    other, whatever its dialect, ends the active protocol (RFC 0035; REQUIREMENTS R8)."""
    return Consequence.FLOW_CONTINUES if fold_code(code).startswith("w.") else Consequence.PROTOCOL_ENDS


def quiet_by_default(code: str) -> bool:
    """Whether a code is to be ignored quietly unless somebody asked for it: the deprecated warnings of a version
    mismatch (RFC 0003; REQUIREMENTS b.1 38)."""
    return fold_code(code) in VERSION_WARNINGS
