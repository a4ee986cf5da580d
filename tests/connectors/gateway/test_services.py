"""Reading, unwrapping and deciding over HTTP: what the page docs/services.md shows, and what callers do otherwise."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path
from typing import Any

import pytest

from tests.connectors.gateway.conftest import Gateway
from tocsin.connectors.publish import PublishUnconfirmed
from tocsin.connectors.publish.reading import read_facts

PAGE = Path(__file__).parents[3] / "docs" / "services.md"
SHOWN = re.findall(r"```sh\n(.*?)```\n(?:\n```json\n(.*?)```)?", PAGE.read_text("utf-8"), re.DOTALL)
DECIDE = "/v1/mediation/decide"
ARIES = "https://didcomm.org/report-problem/1.0/problem-report"


def holds(found: Any, shown: Any) -> bool:
    """Whether an answer has all that the page shows of it."""
    if isinstance(shown, dict):
        return isinstance(found, dict) and all(holds(found.get(name), value) for name, value in shown.items())
    return bool(found == shown)


@pytest.mark.parametrize(("command", "shown"), SHOWN, ids=lambda text: text[:50])
async def test_every_command_of_the_page_answers_as_shown(gateway: Gateway, command: str, shown: str) -> None:
    process = await asyncio.create_subprocess_shell(
        command.replace("localhost:8700", f"127.0.0.1:{gateway.port}"), stdout=asyncio.subprocess.PIPE
    )
    output, _ = await process.communicate()
    answer = json.loads(output)
    if shown:
        assert holds(answer, json.loads(shown)), answer
    else:
        assert answer["is_problem"]


def test_the_page_has_commands() -> None:
    assert len(SHOWN) == 5


@pytest.mark.parametrize(
    "document",
    [
        {"id": "x", "type": "https://didcomm.org/report-problem/2.0/problem-report", "body": {"code": "e.p.trust"}},
        {"@type": ARIES, "description": {"code": "disk-full"}},
        {"@type": ARIES, "description": {"code": "version-with-degraded-features"}},
        {"title": "No", "status": 403, "connectionId": "c", "recordId": "r"},
        {"context": {"record_id": "r"}, "document": {"title": "No", "status": 403}},
        {"title": "No", "status": 403, "n": 2**70},
    ],
    ids=["didcomm", "aries", "a quiet warning", "extension members", "an envelope", "a number of 71 bits"],
)
async def test_read_says_what_the_command_says(gateway: Gateway, document: dict[str, object]) -> None:
    raw = json.dumps(document).encode()
    status, found, _ = await gateway.post("/v1/read", raw)
    assert status == 200
    assert found == json.loads(json.dumps(read_facts(raw), default=str))
    assert gateway.publisher.events == []


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        pytest.param("/v1/read", b"{", 400, id="no JSON"),
        pytest.param("/v1/read?dialect=nothing", b"{}", 400, id="no such dialect"),
        pytest.param("/v1/read?dialect=code", b"Nonsense code", 422, id="no code"),
        pytest.param("/v1/unwrap", b"null", 422, id="no reply: null"),
        pytest.param("/v1/unwrap", b"", 422, id="no reply: nothing"),
        pytest.param("/v1/unwrap", b'{"reply": {}}', 422, id="no reply: no status"),
        pytest.param("/v1/unwrap?status=abc", b"{}", 422, id="no status"),
        pytest.param(DECIDE, b"{}", 422, id="nothing happened"),
        pytest.param(DECIDE, b'{"scenario": "G9"}', 422, id="no such scenario"),
        pytest.param(DECIDE, b'{"scenario": "G1", "column": "x"}', 422, id="no such column"),
        pytest.param(DECIDE, b'{"scenario": "G1", "table": "../../etc/passwd"}', 422, id="no such table"),
        pytest.param(DECIDE, b'{"scenario": "G1", "error": {"class": "X"}}', 422, id="both"),
        pytest.param(DECIDE, b'{"scenario": "G1", "scenarios": 1}', 422, id="a misspelt member"),
        pytest.param(DECIDE, b'{"scenario": "G1", "context": {"senders": "x"}}', 422, id="a misspelt member within"),
        pytest.param(DECIDE, b'{"scenario": "G1", "message_base64": "?"}', 422, id="no base64"),
        pytest.param(DECIDE, b"[]", 422, id="no object"),
    ],
)
async def test_refusals(gateway: Gateway, path: str, body: bytes, status: int) -> None:
    found, document, headers = await gateway.post(path, body)
    assert (found, headers["content-type"]) == (status, "application/problem+json")
    assert document["status"] == status
    assert gateway.publisher.events == []


async def test_a_decision_is_recorded_once_for_one_request(gateway: Gateway) -> None:
    body = json.dumps({"scenario": "M2", "context": {"sender": "did:x"}})
    answers = [await gateway.post(DECIDE, body, headers={"x-request-id": "r-7"}) for _ in range(2)]
    assert [answer[1]["request_id"] for answer in answers] == ["r-7", "r-7"]
    assert answers[0][1]["event_id"] == answers[1][1]["event_id"] == answers[0][1]["document"]["id"]
    assert {event.event_id for event in gateway.reported} == {answers[0][1]["event_id"]}
    (problem, _) = [event.problem for event in gateway.reported]
    assert (problem.code, problem.request_id) == ("e.p.me.res.storage", "r-7")
    assert json.loads(problem.extensions["mediation.report"])["body"]["comment"].endswith("try again later.")


async def test_the_decision_is_given_though_the_bus_is_away(gateway: Gateway) -> None:
    gateway.publisher.failures.append(PublishUnconfirmed("e", "away"))
    status, found, _ = await gateway.post(DECIDE, '{"scenario": "M2", "context": {"sender": "did:x"}}')
    assert (status, found["recorded"], found["unrecorded"], found["event_id"]) == (200, False, "unconfirmed", None)
    assert found["document"]["body"]["code"] == "e.p.me.res.storage"


async def test_what_is_ignored_or_replied_has_no_document(gateway: Gateway) -> None:
    live = {"scenario": "M5", "context": {"sender": "did:x", "capabilities": {"live_delivery": True}}}
    _, found, _ = await gateway.post(DECIDE, json.dumps(live), params={"tenant": "acme"})
    assert (found["decision"]["action"], found["document"], found["recorded"]) == ("reply", None, True)


async def test_an_answer_whose_reply_is_in_a_header(gateway: Gateway) -> None:
    header = '{"jsonrpc": "2.0", "id": "1", "result": {"reply": {"status": {"code": 200, "detail": "OK"}}}}'
    _, found, _ = await gateway.post("/v1/unwrap", b"\x00\x01", headers={"dwn-response": header})
    assert (found["outcome_ok"], found["data"]) == (True, "AAE=")


async def test_a_failing_reply_has_its_problem(gateway: Gateway) -> None:
    body = '{"jsonrpc": "2.0", "id": 1, "error": {"code": -50404, "message": "no such record"}}'
    status, found, _ = await gateway.post("/v1/unwrap", body)
    assert (status, found["rpc_code"], found["outcome_ok"]) == (200, -50404, False)
    assert found["problem"]["dialect"] == "jsonrpc"
