"""ACA-Py: what its webhooks mean (tried with 1.7.0, tests/peers/acapy_errors.py).

Its records become activity, and a problem besides where one failed; its messages become activity; `problem_report` is a
report that nothing proves. A webhook has no id, no order and no time but its record's own: ids come from its bytes.
"""

from __future__ import annotations

from tocsin.connectors.dialects.json_text import OF_A_PART, parse_json, parse_with_holes
from tocsin.connectors.dialects.reading import Unreadable, UnreadableReason
from tocsin.connectors.sources.acapy import messages, records, reports
from tocsin.connectors.sources.acapy.topics import MESSAGES, PROBLEM_REPORT, RECORDS, TOPICS
from tocsin.connectors.sources.port import OTHER, Heard, Message, MessageSource

WALLET = "x-wallet-id"
"""The header in which ACA-Py says which of its wallets it is about, if it has several."""

MAX_BYTES = 1024 * 1024
"""Records hold whole credentials."""
MAX_DEPTH = 64


def read(message: Message) -> Heard:
    """What a webhook is. Raises Unreadable for a body that is no object: what an object lacks or has wrong is left
    out, since ACA-Py would send it in vain again and again."""
    wallet = message.headers.get(WALLET)
    message = message.of_wallet(wallet)
    body = _parsed(message.body)
    if body is None:
        body = {}
    if not isinstance(body, dict):
        raise Unreadable(UnreadableReason.WRONG_TYPE, expected="an object, as ACA-Py sends it")
    topic, tenant = message.topic, message.origin.tenant
    if topic == PROBLEM_REPORT:
        events, ignored = reports.read(body, message, wallet)
    elif topic in RECORDS:
        events, ignored = records.read(body, message, wallet)
    elif topic in MESSAGES:
        events, ignored = messages.read(body, message, wallet)
    else:
        return Heard(what=OTHER, ignored=("a topic of ACA-Py that is not known here",), tenant=tenant)
    return Heard(what=topic, events=events, ignored=ignored, tenant=tenant)


def _parsed(body: bytes) -> object:
    """The JSON of a body. What cannot be kept is left out of it: it is of the peer, who may not hide a record by it."""
    try:
        return parse_json(body, max_bytes=MAX_BYTES, max_depth=MAX_DEPTH)
    except Unreadable as error:
        if error.reason not in OF_A_PART:
            raise
        return parse_with_holes(body, max_depth=MAX_DEPTH)


ACAPY = MessageSource(name="acapy", read=read, kinds=TOPICS, headers=(WALLET,))
"""ACA-Py as a source; its webhooks hold messages between people, credentials and proofs."""
