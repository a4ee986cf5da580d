"""Whom a delivery tells by DIDComm, and in which form."""

from __future__ import annotations

from typing import NamedTuple

from msgspec import Struct


class Form(NamedTuple):
    """A dialect, and the message type in it; None: the one that the dialect's writer takes."""

    dialect: str
    message_type: str | None = None


class Addressee(Struct, frozen=True, kw_only=True):
    """The agent with the DID (or key) `peer`, over `connection` and from our DID `own`, as far as they are known; the
    form that it understands, and the `languages` in which it is told, the best first. `alone`: no thread of its own is
    meant, so it is told in a new one where a problem is in none. `keeps_id`: the
    report is a message of ours already, and is sent under its own id.

    `found` says why it is this one, `chosen` why in this form: for people.
    """

    form: Form
    peer: str | None = None
    own: str | None = None
    connection: str | None = None
    languages: tuple[str, ...] = ()
    alone: bool = False
    keeps_id: bool = False
    found: str = ""
    chosen: str = ""
