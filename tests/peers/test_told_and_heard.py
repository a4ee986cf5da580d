"""The whole bus between real agents: our reports end their exchanges, and theirs are read with connection, thread."""

from __future__ import annotations

import uuid
from pathlib import Path
from typing import Any

import pytest

from tests.peers.acapy import AcaPy
from tests.peers.credo import Credo
from tests.peers.processes import until
from tests.peers.station import Station
from tests.peers.veramo import Veramo
from tocsin.schemas.events import DeliveryOutcome, DeliveryRequested, ProblemReported
from tocsin.streams.rules.policies import LoopLimits

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(400)]

REPORT_OF_V2 = "https://didcomm.org/report-problem/2.0/problem-report"
PROBLEMS = 8
"""How many problems of one thread are reported."""
DID = "WgWxqztrNooG92RXvxSTWv"
TEXT = "The registry is away; nothing was issued"
CODE = "e.p.xfer.registry"


async def test_acapy(acapy: AcaPy, bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with Station(bootstrap, prefix, tmp_path) as station:
        joined = await acapy.connect(station.verkey, station.endpoint, DID)
        station.joined("harbour", joined["my_verkey"], url=acapy.endpoint)
        await station.start()

        begun = await acapy.propose(joined["connection_id"])
        given_up = await acapy.propose(joined["connection_id"])
        await station.report(CODE, TEXT, begun["thread_id"], "harbour")
        ended = await acapy.exchange(begun["thread_id"], "abandoned")
        assert ended["error_msg"] == f"{CODE}: {TEXT}"
        told = await acapy.webhook("issue_credential_v2_0", thread_id=begun["thread_id"], state="abandoned")
        assert told.body["connection_id"] == joined["connection_id"]

        await acapy.abandon(given_up["cred_ex_id"], "no capacity")
        heard = await station.told(thread_id=given_up["thread_id"])
        report = heard["problem"]
        assert (report["code"], report["text"]) == ("issuance-abandoned", "no capacity")
        source = report["source"]
        assert (source["sender"], source["recipients"]) == (joined["my_verkey"], [station.verkey])
        assert (source["connection"], source["side"], source["trust"]) == ("harbour", "peer", "high")

        # one in no exchange is generic: a webhook of the peer's, and no record of it
        thread = str(uuid.uuid4())
        await station.report(CODE, TEXT, thread, "harbour")
        generic = (await acapy.webhook("problem_report", **{"~thread": {"thid": thread}})).body
        assert generic["description"]["code"] == CODE
        assert [one.body for one in acapy.webhooks if one.topic == "problem_report"] == [generic], (
            "its own reports are not answered, and it did not answer ours"
        )


async def test_credo(credo: Credo, bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with Station(bootstrap, prefix, tmp_path) as station:
        joined, looping = await join(credo, station, "coast"), await join(credo, station, "reef", body="aries-1.0")
        await station.start()

        begun = await credo.do("propose", connection=joined["id"])
        given_up = await credo.do("propose", connection=joined["id"])
        await station.report(CODE, TEXT, begun["thread"], "coast")
        ended = await credo.first("credential", thread=begun["thread"], state="abandoned")
        assert (ended["connection"], ended["error"]) == (joined["id"], f"{CODE}: {TEXT}")

        await credo.do("abandon", credential=given_up["id"], description="no boat")
        report = (await station.told(thread_id=given_up["thread"]))["problem"]
        assert (report["code"], report["localized"]) == ("issuance-abandoned", {"en": "no boat"})
        assert (report["source"]["connection"], report["source"]["sender"]) == ("coast", joined["verkey"])

        await loop_with_credo(credo, station, looping["id"], looping["verkey"])


async def join(credo: Credo, station: Station, name: str, **settings: str) -> dict[str, Any]:
    theirs = await credo.do("key")
    made = await credo.do("connect", own=theirs["did"], verkey=station.verkey, endpoint=station.endpoint)
    station.joined(name, theirs["verkey"], url=credo.endpoint, **settings)
    return {"id": made["id"], "verkey": theirs["verkey"]}


async def loop_with_credo(credo: Credo, station: Station, connection: str, verkey: str) -> None:
    """It answers what it is told as report-problem/1.0 with a report: each is heard, none is answered, and after the
    first the thread is told nothing more."""
    for number in range(PROBLEMS):
        await station.report(f"e.p.loop.{number}", TEXT, "the-loop", "reef")

    async def at_rest() -> tuple[int, int] | None:
        reports = [event for event in await station.events("inbox") if isinstance(event, ProblemReported)]
        from_credo = [event for event in reports if event.problem.source.sender == verkey]
        decided = {getattr(event, "report", None) for event in await station.events("problems")}
        deliveries = [event for event in await station.events("deliveries") if getattr(event, "endpoint", "") == "reef"]
        asked = {event.delivery_id for event in deliveries if isinstance(event, DeliveryRequested)}
        ended = {event.delivery_id for event in deliveries if isinstance(event, DeliveryOutcome)}
        received = [one for one in await credo.seen("received") if one["connection"] == connection]
        sent = await credo.messages("sent", "notification/1.0/problem-report")
        undecided = {event.event_id for event in reports} - decided
        counts.append([len(each) for each in (reports, from_credo, undecided, asked, ended, received, sent)])
        quiet = not undecided and asked == ended and len(received) == len(asked) == len(sent) == len(from_credo)
        reported = sum("loop" in event.problem.code for event in reports if event.problem.code)
        return (len(received), len(sent)) if quiet and asked and reported == PROBLEMS else None

    counts: list[list[int]] = []
    try:
        received, answered = await until(at_rest, "nothing is under way any more")
    except AssertionError:
        pytest.fail(f"still under way: {counts[-1]}")
    assert 1 <= received == answered <= LoopLimits().peer_thread + 1
    assert await at_rest() == (received, answered)


async def test_veramo(veramo: Veramo, bootstrap: str, prefix: str, tmp_path: Path) -> None:
    async with Station(bootstrap, prefix, tmp_path) as station:
        station.joined("isle", veramo.did, packing="anoncrypt")
        await station.start()
        ours, theirs = str(uuid.uuid4()), str(uuid.uuid4())
        await station.report(CODE, TEXT, ours, "isle")
        heard = (await veramo.first("problem"))["message"]
        assert (heard["type"], heard["pthid"]) == (REPORT_OF_V2, ours)
        assert heard["body"]["code"] == CODE

        message = {"type": REPORT_OF_V2, "id": str(uuid.uuid4()), "pthid": theirs, "body": {"code": "e.p.me.res"}}
        await veramo.send(station.did, message, "authcrypt")
        report = (await station.told(message_id=message["id"]))["problem"]
        assert (report["code"], report["parent_thread_id"]) == ("e.p.me.res", theirs)
        source = report["source"]
        assert (source["connection"], source["sender"], source["trust"]) == ("isle", veramo.did, "high")
