"""Alice and Bob do not understand each other's problem reports, and report that (RFC 0035, "Problem Report Loops").

Each report as a document of its dialect and as the activity that its message is, as an agent tells both.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from msgspec import Struct

ALICE, BOB = "did:example:alice", "did:example:bob"
FIRST = "m-0"
"""The message that Bob did not understand; it began a thread."""

TYPES = {
    "aries-1.0": "https://didcomm.org/report-problem/1.0/problem-report",
    "didcomm-2.0": "https://didcomm.org/report-problem/2.0/problem-report",
    "hipe": "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/notification/1.0/problem-report",
}

THREADS = (
    "none",
    "thid of the first",
    "pthid of the first",
    "thid of the last",
    "pthid of the last",
    "both of the last",
)
"""What a report says of threads: nothing, or the first message or the one that it answers, as its thread or its parent
thread."""

FRESH = ("thid of its own", "pthid of its own", "both of its own")
"""The same, of threads of which nobody ever heard before, another one each time."""


class Exchange(Struct, frozen=True, kw_only=True):
    """How the two report: the dialect, what their reports say of threads, and who of them is named where."""

    dialect: str = "aries-1.0"
    threads: str = "none"
    connection: str | None = None
    named: bool = False
    """Whether a report says who sent it (`from` and `to`)."""
    codes: str = "the same"
    """Or `its own`: another code each time; or `a pair`: one of Alice's and one of Bob's."""
    quotes: bool = False
    """Whether a report acknowledges the one that it answers (`ack`), as DIDComm v2 can."""
    wording: str = "I do not understand {}."
    """The text; `{}` is the message that was not understood."""


class Message(Struct, frozen=True, kw_only=True):
    """One message of the chain: `document` and, in the words of ActivityObserved, `activity`."""

    number: int
    document: dict[str, Any]
    activity: dict[str, Any]


def first_message(exchange: Exchange) -> dict[str, Any]:
    """Activity: Alice's message, which Bob does not understand."""
    return _known(kind="message_sent", message_id=FIRST, thread_id=FIRST, connection=exchange.connection,
                  message_type="https://didcomm.org/basicmessage/2.0/message")  # fmt: skip


def chain(exchange: Exchange, length: int) -> Iterator[Message]:
    """So many reports, Bob's first: as Alice's agent hears and sends them."""
    for number in range(1, length + 1):
        message_id, answered = f"m-{number}", f"m-{number - 1}"
        thid, pthid = _threads(exchange.threads, answered, number)
        kind = TYPES[exchange.dialect]
        code = {"its own": f"not-{number}", "a pair": ("no", "neither")[number % 2]}.get(exchange.codes)
        write = WRITERS[exchange.dialect]
        document = write(message_id, kind, thid, pthid, exchange.wording.format(answered), code)
        if exchange.quotes:
            document["ack"] = [answered]
        if exchange.named:
            document |= {"from": (ALICE, BOB)[number % 2], "to": [(BOB, ALICE)[number % 2]]}
        activity = _known(
            kind=("message_sent", "message_received")[number % 2], message_id=message_id, message_type=kind,
            thread_id=thid or message_id, parent_thread_id=pthid, connection=exchange.connection,
        )  # fmt: skip
        yield Message(number=number, document=document, activity=activity)


def another_message(exchange: Exchange, number: int) -> dict[str, Any]:
    """Activity: something else between the two, in a thread of its own."""
    return first_message(exchange) | {"message_id": f"other-{number}", "thread_id": f"other-{number}"}


def _threads(threads: str, answered: str, number: int) -> tuple[str | None, str | None]:
    what, _, which = threads.partition(" of ")
    named = {"the first": FIRST, "its own": f"t-{number}"}.get(which, answered)
    return named if what in ("thid", "both") else None, named if what in ("pthid", "both") else None


def _didcomm2(
    message_id: str, kind: str, thid: str | None, pthid: str | None, text: str, code: str | None
) -> dict[str, Any]:
    body = {"code": f"e.p.{code or 'msg.not-understood'}", "comment": text}
    return _known(id=message_id, type=kind, thid=thid, pthid=pthid, body=body)


def _aries(
    message_id: str, kind: str, thid: str | None, pthid: str | None, text: str, code: str | None
) -> dict[str, Any]:
    thread = _known(thid=thid, pthid=pthid) or None
    description = {"en": text, "code": code or "message-not-understood"}
    return _known(**{"@id": message_id, "@type": kind, "~thread": thread, "description": description})


def _hipe(
    message_id: str, kind: str, thid: str | None, pthid: str | None, text: str, code: str | None
) -> dict[str, Any]:
    thread = _known(thid=thid, pthid=pthid) or None
    friendly = {"en": text, "code": code or "message-not-understood"}
    return _known(**{"@id": message_id, "@type": kind, "@thread": thread, "friendly-ltxt": friendly})


WRITERS = {"aries-1.0": _aries, "didcomm-2.0": _didcomm2, "hipe": _hipe}


def _known(**members: Any) -> dict[str, Any]:
    return {name: value for name, value in members.items() if value is not None}
