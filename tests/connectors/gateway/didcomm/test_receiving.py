"""What becomes of envelopes at /didcomm: genuine reports are published once, everything else as the table says."""

from __future__ import annotations

import json
import logging
import time
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from tests.connectors.gateway.didcomm.conftest import V1, V2, Making, World
from tests.harness.didcomm_forging import authcrypt_naming
from tests.harness.didcomm_world import Agent, changed, flipped, old_report, report
from tocsin.connectors.didcomm.port import Packing
from tocsin.connectors.gateway import Rate
from tocsin.connectors.gateway.didcomm import Connection, DidcommConfig
from tocsin.connectors.publish import KafkaAway
from tocsin.schemas.ids import new_event_id

PARENT = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01"
PING = "https://didcomm.org/trust-ping/2.0/ping"
CHAT = "https://didcomm.org/basicmessage/2.0/message"


def message(kind: str, **more: Any) -> dict[str, Any]:
    return {"type": kind, "id": new_event_id(), "body": {}} | more


async def test_a_report_is_published_as_told_by_its_peer(world: World) -> None:
    envelope = await world.peer.send(report(), world.ours.did)
    status, body, headers = await world.post(envelope, x_request_id="req-7", traceparent=PARENT)
    assert (status, body, headers["tocsin-outcome"]) == (202, b"", "reported")
    (event,) = world.reported
    problem, source = event.problem, event.problem.source
    assert (problem.code, problem.parent_thread_id) == ("e.p.xfer.cant-use-endpoint", "thread-1")
    assert (source.sender, source.recipients, source.side) == (world.peer.did, [world.ours.did], "peer")
    assert event.traceparent == PARENT
    # the three duties: the same two marks on the answer and on the record (on the log: below)
    assert (headers["x-request-id"], problem.request_id) == ("req-7", "req-7")
    assert headers["tocsin-message-sha256"] == problem.message_sha256
    assert world.troubles == []
    assert world.outcome("reported") == 1


async def test_a_report_of_aries(world: World) -> None:
    envelope = await world.peer.send(old_report(), world.ours.verkey, Packing.V1_AUTHCRYPT)
    status, body, _ = await world.post(envelope, V1)
    assert (status, body) == (200, b"")
    (event,) = world.reported
    assert (event.problem.dialect, event.problem.code) == ("aries-1.0", "message-parse-failure")
    assert event.problem.source.sender == world.peer.verkey
    assert event.problem.source.recipients == [world.ours.verkey]


@pytest.mark.parametrize(
    "media_type",
    [V2, V1, f"{V2}; charset=utf-8", "Application/DIDComm-Encrypted+JSON;x=y", "application/ssi-agent-wire",
     "application/json", "application/didcomm+encrypted"],
)  # fmt: skip
async def test_media_types_with_parameters_and_old_names(world: World, media_type: str) -> None:
    status, _, _ = await world.post(await world.peer.send(report(), world.ours.did), media_type)
    assert status == 202
    assert len(world.reported) == 1


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", "application/octet-stream"])
async def test_other_media_types_are_refused_unread(world: World, media_type: str) -> None:
    status, body, _ = await world.post(await world.peer.send(report(), world.ours.did), media_type)
    assert (status, json.loads(body)["type"]) == (415, "urn:tocsin:problem:unsupported-media-type")
    assert world.publisher.events == []


async def test_whose_tenant_and_which_connection_it_is(make_world: Making) -> None:
    async with make_world(DidcommConfig(default_tenant="everybody", tenants={"shop": "shop-tenant"})) as world:
        shop = next(own.did for own in world.ours.packer.own if own.name == "shop")
        assert shop is not None
        default = next(own.did for own in world.ours.packer.own if own.name == "default")
        assert default is not None
        for own in (shop, default):
            assert (await world.post(await world.peer.send(report(), own)))[0] == 202
        assert [each.tenant for each in world.reported] == ["shop-tenant", "everybody"]


async def test_a_named_peer_has_its_connection_and_trust(make_world: Making) -> None:
    async with make_world() as world:
        known = Connection(peer=world.peer.did, connection="conn-7", trust="high")
    async with make_world(DidcommConfig(connections=(known,))) as world:  # with the same keys
        for sender in (world.peer, world.stranger):
            await world.post(await sender.send(report(), world.ours.did))
        told = [(each.problem.source.connection, each.problem.source.trust) for each in world.reported]
        assert told == [("conn-7", "high"), (None, None)]


async def test_where_only_named_peers_are_heard_others_are_answered_as_what_did_not_open(make_world: Making) -> None:
    async with make_world() as world:
        known = Connection(peer=world.peer.did, connection="conn-7")
    async with make_world(DidcommConfig(connections=(known,), strangers=False)) as world:
        assert (await world.post(await world.peer.send(report(), world.ours.did)))[0] == 202
        status, body, headers = await world.post(await world.stranger.send(report(), world.ours.did))
        assert (status, json.loads(body)["type"]) == (400, "urn:tocsin:problem:not-taken")
        assert "tocsin-outcome" not in headers
        assert [each.problem.source.sender for each in world.reported] == [world.peer.did]
        assert world.outcome("stranger") == 1


async def test_what_everybody_can_read_is_not_kept(world: World) -> None:
    secret = report(body={"code": "e.p.me", "comment": "password=hunter2"}, to=[world.ours.did])
    await world.post(json.dumps(secret).encode())
    await world.post(await world.peer.send(secret | {"to": [world.peer.did]}, world.peer.did, Packing.SIGNED))
    assert len(world.troubles) == 2
    assert [each.problem.extensions.get("mediation.message_base64") for each in world.troubles] == [None, None]


async def test_the_same_bytes_again_are_answered_alike_and_stored_once(world: World) -> None:
    envelope = await world.peer.send(report(), world.ours.did)
    answers = [await world.post(envelope) for _ in range(3)]
    assert [(status, body) for status, body, _ in answers] == [(202, b"")] * 3
    assert [headers["tocsin-outcome"] for _, _, headers in answers] == ["reported", "replayed", "replayed"]
    assert len(world.problems) == 1


async def test_the_same_message_encrypted_anew_is_the_same_event(world: World) -> None:
    said = report()
    for _ in range(2):
        assert (await world.post(await world.peer.send(said, world.ours.did)))[0] == 202
    assert len({each.event_id for each in world.reported}) == 1
    assert len({each.problem.message_sha256 for each in world.reported}) == 2


async def test_nothing_is_noted_of_a_report_that_kafka_does_not_take(world: World) -> None:
    envelope = await world.peer.send(report(), world.ours.did)
    world.publisher.failures.append(KafkaAway("e"))
    status, body, headers = await world.post(envelope, x_request_id="req-7")
    document = json.loads(body)
    assert (status, document["type"]) == (503, "urn:tocsin:problem:kafka-away")
    assert document["request_id"] == "req-7"
    assert len(document["message_sha256"]) == 64
    status, _, headers = await world.post(envelope)
    assert (status, headers["tocsin-outcome"]) == (202, "reported")
    assert len(world.reported) == 1


Send = Callable[[World], Awaitable[bytes]]


def by(who: str, said: Callable[[], dict[str, Any]], packing: Packing = Packing.AUTHCRYPT, to: str = "ours") -> Send:
    async def send(world: World) -> bytes:
        sender, receiver = getattr(world, who), getattr(world, to)
        assert isinstance(sender, Agent)
        return await sender.send(said(), receiver.did, packing)

    return send


def then(send: Send, change: Callable[[dict[str, Any]], Any]) -> Send:
    async def sent(world: World) -> bytes:
        return changed(await send(world), change)

    return sent


def flip(*path: str) -> Callable[[dict[str, Any]], None]:
    def change(envelope: dict[str, Any]) -> None:
        for step in path[:-1]:
            envelope = envelope[step]
        envelope[path[-1]] = flipped(envelope[path[-1]])

    return change


async def plain(world: World) -> bytes:
    return json.dumps(report(**{"from": world.peer.did, "to": [world.ours.did]})).encode()


async def with_another_name(world: World) -> bytes:
    """Genuinely encrypted by the stranger, who writes that the peer sent it."""
    said = report(**{"from": world.peer.did, "to": [world.ours.did]})
    return await authcrypt_naming(world.folder / "stranger.json", world.ours, said)


async def named_to_another(world: World) -> bytes:
    said = report(**{"from": world.stranger.did, "to": [world.peer.did]})
    return await authcrypt_naming(world.folder / "stranger.json", world.ours, said)


async def deep_inside(world: World) -> bytes:
    plain = b'{"type": "x", "a": ' + b"[" * 100 + b"]" * 100 + b"}"
    return await authcrypt_naming(world.folder / "stranger.json", world.ours, {}, plain=plain)


async def no_message(world: World) -> bytes:
    return await authcrypt_naming(world.folder / "stranger.json", world.ours, {}, plain=b'["hello"]')


async def signed_for_another(world: World) -> bytes:
    return await world.peer.send(report(), world.stranger.did, Packing.SIGNED)


NOT_GENUINE = [
    pytest.param(then(by("peer", report), flip("ciphertext")), "G5", "broken", id="its ciphertext is changed"),
    pytest.param(then(by("peer", report), flip("tag")), "G5", "broken", id="its tag is changed"),
    pytest.param(then(by("peer", report), flip("iv")), "G5", "broken", id="its iv is changed"),
    pytest.param(
        then(by("peer", report), lambda it: it["recipients"][0].update(encrypted_key="AAAA")),
        "G5",
        "broken",
        id="the key in it is another",
    ),
    pytest.param(by("peer", report, to="stranger"), "D3", "not_for_us", id="it is for somebody else"),
    pytest.param(named_to_another, "D3", "not_for_us", id="its to names somebody else"),
    pytest.param(signed_for_another, "D3", "not_for_us", id="signed, for somebody else"),
    pytest.param(with_another_name, "D4", "wrong_sender", id="its from is not who encrypted it"),
    pytest.param(deep_inside, "D1", "limit", id="nested deep inside"),
    pytest.param(no_message, "G5", "broken", id="no message inside"),
    pytest.param(by("peer", report, Packing.ANONCRYPT), "D7", "anonymous", id="anoncrypt"),
    pytest.param(plain, "D7", "plaintext", id="plaintext"),
    pytest.param(
        then(by("peer", report), lambda it: it["recipients"][0]["header"].update(kid="did:example:x#k")),
        "G5",
        "broken",
        id="its recipients are changed",
    ),
]


@pytest.mark.parametrize(("send", "scenario", "outcome"), NOT_GENUINE)
async def test_what_is_not_genuine_is_answered_alike_and_never_stored_as_genuine(
    world: World, send: Send, scenario: str, outcome: str
) -> None:
    envelope = await send(world)
    status, body, headers = await world.post(envelope, x_request_id="req-7")
    document = json.loads(body)
    assert (status, document["type"]) == (400, "urn:tocsin:problem:not-taken")
    assert document.keys() == {"type", "title", "status", "detail", "instance", "request_id", "message_sha256"}
    assert "tocsin-outcome" not in headers
    assert world.reported == []
    (trouble,) = world.troubles
    problem = trouble.problem
    assert problem.extensions["mediation.scenario"] == f'"tocsin-didcomm/{scenario}"'
    assert (trouble.tenant, problem.parent_thread_id, problem.thread_id) == ("tocsin", None, None)
    assert (problem.request_id, problem.message_sha256) == ("req-7", headers["tocsin-message-sha256"])
    assert world.outcome(outcome) == 1


async def test_the_answers_to_what_is_not_genuine_do_not_differ(world: World) -> None:
    said = set()
    for row in NOT_GENUINE:
        send: Any = row.values[0]
        status, body, headers = await world.post(await send(world), x_request_id="r")
        document = json.loads(body)
        for one in ("instance", "message_sha256"):
            document.pop(one)
        names = frozenset(name.lower() for name in headers) - {"date"}
        said.add((status, json.dumps(document), names))
    assert len(said) == 1


NOW = int(time.time())
GENUINE = [
    pytest.param(lambda: message(CHAT), "G2", "e.p.msg.unsupported", "unsupported", id="a protocol we do not speak"),
    pytest.param(
        lambda: message("https://didcomm.org/trust-ping/9.0/ping"),
        "G3",
        "e.p.msg.unsupported",
        "other_version",
        id="a version we do not speak",
    ),
    pytest.param(lambda: message(PING, expires_time=NOW - 3600), "D5", "e.p.req.time.expired", "expired", id="expired"),
    pytest.param(
        lambda: message(PING, created_time=NOW + 3600), "D6", "e.p.req.time.created-ahead", "ahead", id="of the future"
    ),
]


@pytest.mark.parametrize(("said", "scenario", "code", "outcome"), GENUINE)
async def test_a_genuine_message_that_cannot_be_dealt_with_is_answered_where_it_asks_for_it(
    world: World, said: Callable[[], dict[str, Any]], scenario: str, code: str, outcome: str
) -> None:
    asking = said() | {"return_route": "all", "thid": "thread-9"}
    status, body, headers = await world.post(await world.peer.send(asking, world.ours.did))
    assert (status, headers["content-type"], headers["tocsin-outcome"]) == (200, V2, outcome)
    answer = await world.peer.packer.unpack(body)
    assert (answer.sender, answer.recipient) == (world.ours.did, world.peer.did)
    assert answer.message["type"].endswith("report-problem/2.0/problem-report")
    assert (answer.message["body"]["code"], answer.message["pthid"]) == (code, "thread-9")
    (trouble,) = world.troubles
    assert trouble.problem.extensions["mediation.scenario"] == f'"tocsin-didcomm/{scenario}"'
    status, body, _ = await world.post(await world.peer.send(said(), world.ours.did))
    assert (status, body) == (202, b"")
    assert world.reported == []


@pytest.mark.parametrize(
    "said",
    [
        pytest.param(report, id="a report"),
        pytest.param(lambda: report(expires_time=NOW - 3600), id="an expired report"),
        pytest.param(lambda: report(body={}), id="a report without a code"),
        pytest.param(lambda: report(type="https://didcomm.org/tictactoe/7.0/problem-report"), id="of any protocol"),
        pytest.param(lambda: report(pthid="x" * 5000), id="a report that cannot be read"),
    ],
)
async def test_a_report_is_never_answered_whatever_it_asks_for(
    world: World, said: Callable[[], dict[str, Any]]
) -> None:
    asking = said() | {"return_route": "all", "please_ack": [""]}
    envelope = await world.peer.send(asking, world.ours.did)
    for _ in range(2):
        status, body, _ = await world.post(envelope)
        assert (status, body) == (202, b"")


async def test_a_replayed_question_is_answered_with_the_code_of_a_replay(world: World) -> None:
    envelope = await world.peer.send(message(PING, return_route="all"), world.ours.did)
    first = await world.peer.packer.unpack((await world.post(envelope))[1])
    again = await world.peer.packer.unpack((await world.post(envelope))[1])
    assert first.message["type"] == "https://didcomm.org/trust-ping/2.0/ping-response"
    assert again.message["body"]["code"] == "e.p.crypto.message.dejavu"


async def test_pings_and_questions_of_both_versions(world: World) -> None:
    asked = message(
        "https://didcomm.org/discover-features/2.0/queries",
        return_route="all",
        body={"queries": [{"feature-type": "protocol", "match": "https://didcomm.org/report-problem/*"}]},
    )
    status, body, headers = await world.post(await world.peer.send(asked, world.ours.did))
    found = (await world.peer.packer.unpack(body)).message
    assert (status, headers["tocsin-outcome"], found["thid"]) == (200, "answered", asked["id"])
    assert len(found["body"]["disclosures"]) == 2
    ping = {"@type": "https://didcomm.org/trust_ping/1.0/ping", "@id": "p-1", "~transport": {"return_route": "all"}}
    envelope = await world.peer.send(ping, world.ours.verkey, Packing.V1_AUTHCRYPT)
    status, body, headers = await world.post(envelope, V1)
    assert (status, headers["content-type"]) == (200, V1)
    assert (await world.peer.packer.unpack(body)).message["~thread"] == {"thid": "p-1"}
    quiet = await world.post(await world.peer.send(message(PING), world.ours.did))
    assert (quiet[0], quiet[1]) == (202, b""), "no answer was asked for in this exchange"
    assert world.publisher.events == []


async def test_aries_is_refused_in_its_own_dialect(world: World) -> None:
    chat = {"@type": "https://didcomm.org/basicmessage/1.0/message", "@id": "m-1", "content": "hello",
            "~transport": {"return_route": "all"}}  # fmt: skip
    status, body, _ = await world.post(await world.peer.send(chat, world.ours.verkey, Packing.V1_AUTHCRYPT), V1)
    answer = (await world.peer.packer.unpack(body)).message
    assert status == 200
    assert (answer["description"]["code"], answer["~thread"]["pthid"]) == ("e.p.msg.unsupported", "m-1")


async def test_other_messages_become_activity_by_choice(make_world: Making) -> None:
    async with make_world(DidcommConfig(activity=True)) as world:
        chat = message(CHAT, thid="thread-1", return_route="all")
        status, body, headers = await world.post(await world.peer.send(chat, world.ours.did), x_request_id="req-7")
        assert (status, body, headers["tocsin-outcome"]) == (202, b"", "activity")
        (event,) = world.activity
        assert (event.message_id, event.message_type, event.thread_id) == (chat["id"], CHAT, "thread-1")
        assert event.detail["request_id"] == "req-7"
        assert event.digest == headers["tocsin-message-sha256"]


async def test_silence_is_kept_where_the_column_says_so(make_world: Making) -> None:
    async with make_world(DidcommConfig(column="silent")) as world:
        status, body, _ = await world.post(await world.peer.send(message(CHAT, return_route="all"), world.ours.did))
        assert (status, body) == (202, b"")
        assert len(world.troubles) == 1, "it is recorded all the same"


async def test_as_identus_does_it_everybody_is_told_the_same_and_signed(make_world: Making) -> None:
    async with make_world(DidcommConfig(column="identus")) as world:
        codes = set()
        for row in NOT_GENUINE:
            send: Any = row.values[0]
            envelope = await send(world)
            status, body, headers = await world.post(envelope)
            assert len(body) <= len(envelope)
            if status == 400:
                continue
            assert (status, headers["content-type"]) == (200, "application/didcomm-signed+json")
            answer = await world.peer.packer.unpack(body)
            assert answer.how.signed
            codes.add(answer.message["body"]["code"])
        assert codes == {"e.p.crypto"}
        assert world.reported == []


async def test_as_identus_does_it_a_report_is_not_answered_either(make_world: Making) -> None:
    async with make_world(DidcommConfig(column="identus")) as world:
        for said, expected in ((message(CHAT), 200), (report(), 400)):
            padded = said | {"body": said["body"] | {"x": "x" * 1000}}
            status, _, _ = await world.post(json.dumps(padded).encode())
            assert status == expected


@pytest.mark.parametrize(
    ("content", "status", "kind", "scenario"),
    [
        pytest.param(b"", 400, "malformed", "D2", id="nothing"),
        pytest.param(b"hello", 400, "malformed", "D2", id="a text"),
        pytest.param(b"[1]", 400, "not-an-envelope", "D2", id="a list"),
        pytest.param(b'{"a": 1}', 400, "not-an-envelope", "D2", id="some object"),
        pytest.param(b'{"a":' * 60 + b"1" + b"}" * 60, 400, "malformed", "D1", id="nested deep"),
        pytest.param(
            b'{"ciphertext": "a", "protected": "a", "recipients": [' + b"{}," * 100 + b"{}]}",
            413,
            "too-many-recipients",
            "D1",
            id="for too many",
        ),
    ],
)
async def test_bytes_that_are_at_fault_by_themselves(
    world: World, content: bytes, status: int, kind: str, scenario: str
) -> None:
    answered, body, _ = await world.post(content, x_request_id="req-7")
    document = json.loads(body)
    assert (answered, document["type"]) == (status, f"urn:tocsin:problem:{kind}")
    assert document["request_id"] == "req-7"
    assert [each.problem.extensions["mediation.scenario"] for each in world.troubles] == [
        f'"tocsin-didcomm/{scenario}"'
    ]


async def test_an_envelope_beyond_the_limit_is_not_read_to_its_end(make_world: Making) -> None:
    async with make_world(max_body=1000) as world:
        status, body, _ = await world.post(await world.peer.send(report(), world.ours.did))
        assert (status, json.loads(body)["type"]) == (413, "urn:tocsin:problem:too-large")
        assert world.publisher.events == []


async def test_a_flood_of_troubles_is_counted_and_not_recorded(world: World) -> None:
    for number in range(40):
        await world.post(f'{{"a": {number}}}'.encode())
    assert len(world.troubles) <= 31
    assert world.outcome("broken") == 40


async def test_envelopes_beyond_what_is_opened_are_refused_before_they_are_read(make_world: Making) -> None:
    async with make_world(DidcommConfig(envelopes=Rate(0.001, 2))) as world:
        answers = [await world.post(await world.peer.send(report(), world.ours.did)) for _ in range(3)]
        assert [status for status, _, _ in answers] == [202, 202, 429]


async def test_one_peer_uses_up_neither_what_others_may_send_nor_what_the_tenant_may_publish(
    make_world: Making,
) -> None:
    async with make_world(DidcommConfig(each_peer=Rate(0.001, 2))) as world:
        answers = [(await world.post(await world.stranger.send(report(), world.ours.did)))[0] for _ in range(4)]
        assert answers == [202, 202, 429, 429]
        assert (await world.post(await world.peer.send(report(), world.ours.did)))[0] == 202
    async with make_world(DidcommConfig(all_peers=Rate(0.001, 1))) as world:
        answers = [
            (await world.post(await each.send(report(), world.ours.did)))[0] for each in (world.peer, world.stranger)
        ]
        assert answers == [202, 429]
        async with world.http.post("/v1/problems", json={"title": "t", "status": 500}) as answer:
            assert answer.status == 202


async def test_the_log_has_the_same_two_marks(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO)
    envelope = await world.peer.send(report(), world.ours.did)
    _, _, headers = await world.post(envelope, x_request_id="req-7")
    await world.post(b'{"a": 1}', x_request_id="req-8")
    marks = [(getattr(line, "request_id", None), getattr(line, "msg_sha256", None)) for line in caplog.records]
    assert ("req-7", headers["tocsin-message-sha256"]) in marks
    assert any(request == "req-8" and digest for request, digest in marks)


async def test_without_keys_there_is_no_such_path(gateway: Any) -> None:
    status, _, _ = await gateway.post("/didcomm", b"{}")
    assert status == 404
