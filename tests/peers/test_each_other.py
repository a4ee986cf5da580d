"""What the agents do with each other's reports, over a connection without a handshake: what Tocsin's rules build on."""

from __future__ import annotations

import uuid
from typing import Any

import pytest

from tests.peers.acapy import AcaPy
from tests.peers.credo import Credo
from tests.peers.processes import until

pytestmark = pytest.mark.timeout(300)

DID = "WgWxqztrNooG92RXvxSTWv"
"""What ACA-Py calls a peer whom it knows by its key; nothing is looked up under it."""


@pytest.fixture
async def joined(acapy: AcaPy, credo: Credo) -> tuple[str, str]:
    """A connection between both: its name at ACA-Py, and at Credo."""
    own = await credo.do("key")
    ours = await acapy.connect(own["verkey"], own["endpoint"], DID)
    theirs = await credo.do("connect", own=own["did"], verkey=ours["my_verkey"], endpoint=ours["my_endpoint"])
    return ours["connection_id"], theirs["id"]


async def test_an_exchange_that_is_given_up(acapy: AcaPy, credo: Credo, joined: tuple[str, str]) -> None:
    ours, theirs = joined
    begun = await acapy.propose(ours)
    received = await credo.first("credential", thread=begun["thread_id"])
    await credo.do("abandon", credential=received["id"], description="not today")
    ended = await acapy.exchange(begun["thread_id"], "abandoned")
    assert ended["error_msg"] == "issuance-abandoned: not today"
    told = await acapy.webhook("issue_credential_v2_0", state="abandoned", thread_id=begun["thread_id"])
    assert told.body["error_msg"] == ended["error_msg"]

    begun = await credo.do("propose", connection=theirs)
    record = await acapy.exchange(begun["thread"], "proposal-received")
    await acapy.abandon(record["cred_ex_id"], "no capacity")
    ended = await credo.first("credential", thread=begun["thread"], state="abandoned")
    assert ended["error"] == "issuance-abandoned: no capacity"
    assert not [one for one in acapy.webhooks if one.topic == "problem_report"], "it is one of the record's"


def report(message_type: str, **more: object) -> dict[str, Any]:
    told = {"code": "e.p.xfer", "en": "The ledger did not answer"}
    return {"@type": f"https://didcomm.org/{message_type}", "@id": str(uuid.uuid4()), "description": told, **more}


GENERIC = "notification/1.0/problem-report"


async def test_which_generic_report_acapy_takes(acapy: AcaPy, credo: Credo, joined: tuple[str, str]) -> None:
    taken = report(GENERIC, **{"~thread": {"thid": str(uuid.uuid4())}})
    refused = [report(f"report-problem/{version}/problem-report") for version in ("1.0", "2.0")]
    for message in (*refused, taken):
        await credo.do("send", connection=joined[1], message=message)
    told = await acapy.webhook("problem_report", **{"@id": taken["@id"]})
    assert told.body["~thread"] == taken["~thread"]
    assert told.body["description"] == taken["description"]
    assert "connection_id" not in told.body

    async def answers() -> list[dict[str, Any]] | None:
        found = await credo.messages("received", GENERIC)
        return found if len(found) >= len(refused) else None

    answered = await until(answers, "ACA-Py answers the others with reports")
    assert {one["~thread"]["thid"]: one["description"]["code"] for one in answered} == {
        message["@id"]: "message-parse-failure" for message in refused
    }
    assert [one.body["@id"] for one in acapy.webhooks if one.topic == "problem_report"] == [taken["@id"]]
