"""What of a webhook cannot be kept takes nothing else with it."""

from __future__ import annotations

import pytest

from tests.connectors.sources.acapy.recorded import NOW
from tocsin.connectors.publish import Origin
from tocsin.connectors.sources.acapy import ACAPY
from tocsin.connectors.sources.port import Heard, Message
from tocsin.schemas.codec import encode
from tocsin.schemas.events import ProblemReported

# what a peer may have said in an exchange, in a member of its record
UNKEPT: dict[str, bytes] = {
    "half an emoji": rb'{"comment": "\ud83d"}',
    "what nests 100 levels deep": b"[" * 100 + b"]" * 100,
    "an object with a member twice": b'{"a": 1, "a": 2}',
    "an object of 300 members": b"{" + b",".join(b'"%d": 1' % number for number in range(300)) + b"}",
    "a number of 200 digits": b"7" * 200,
    "bytes that are no UTF-8": b'"\xff"',
}


@pytest.mark.parametrize("said", UNKEPT.values(), ids=UNKEPT)
def test_what_a_peer_says_does_not_hide_that_a_record_failed(said: bytes) -> None:
    body = b'{"cred_ex_id": "x-1", "state": "abandoned", "by_format": %s, "error_msg": "e.p.x: no \\ud83d"}' % said
    message = Message(body=body, origin=Origin(tenant="acme"), topic="issue_credential_v2_0", now=NOW)
    found = ACAPY.read(message)
    assert isinstance(found, Heard)
    (_, problem) = found.events
    assert isinstance(problem, ProblemReported)
    assert (problem.problem.code, problem.problem.text) == ("e.p.x", "no ?")
    assert encode(problem)
