"""What a tenant may publish: documents and bytes a second, each at the limit and one beyond it."""

from __future__ import annotations

import pytest

from tests.connectors.gateway.test_hostile import HEAD, answered, gateway_with
from tocsin.connectors.gateway import Rate
from tocsin.connectors.gateway.flight import Room
from tocsin.connectors.gateway.problems import Refusal
from tocsin.connectors.gateway.rates import MAX_TENANTS, Payer, TenantRates
from tocsin.connectors.publish import MemoryPublisher


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def waits(rates: TenantRates, tenant: str, count: int) -> int:
    """0 when so many documents are taken, else the seconds of Retry-After."""
    try:
        rates.charge_documents(Payer(tenant), count)
    except Refusal as refusal:
        return int(str(refusal.more["retry_after"]))
    return 0


def test_the_burst_and_one_more() -> None:
    rates = TenantRates(Rate(100, 500), Rate(0, 0), clock := Clock())
    assert [waits(rates, "t", 1) for _ in range(500)] == [0] * 500
    assert waits(rates, "t", 1) == 1
    assert waits(rates, "another", 1) == 0
    clock.now = 0.01
    assert [waits(rates, "t", 1), waits(rates, "t", 1)] == [0, 1]
    clock.now = 1000
    assert [waits(rates, "t", 1) for _ in range(500)] == [0] * 500
    assert waits(rates, "t", 1) == 1


def test_a_batch_beyond_the_burst_needs_a_full_bucket_and_is_paid_for() -> None:
    rates = TenantRates(Rate(100, 500), Rate(0, 0), clock := Clock())
    assert waits(rates, "t", 1000) == 0
    assert waits(rates, "t", 1) == 6  # 500 are owed
    clock.now = 5.01
    assert [waits(rates, "t", 1), waits(rates, "t", 1000)] == [0, 5]


def test_what_is_refused_costs_nothing() -> None:
    rates = TenantRates(Rate(1, 5), Rate(0, 0), Clock())
    assert [waits(rates, "t", 3), waits(rates, "t", 3), waits(rates, "t", 2)] == [0, 1, 0]


def test_documents_of_several_tenants_are_counted_together_or_not_at_all() -> None:
    rates = TenantRates(Rate(1, 5), Rate(0, 0), Clock())
    assert waits(rates, "full", 5) == 0
    with pytest.raises(Refusal):
        rates.charge_tenants(Payer("a"), {"a": 3, "full": 1})
    assert waits(rates, "a", 5) == 0
    keyed = Payer("a", key="k", key_rate=1)
    rates.charge_tenants(keyed, {"b": 2, "c": 2})
    with pytest.raises(Refusal) as refused:
        rates.charge_tenants(keyed, {"b": 1, "c": 1})
    assert refused.value.more["limit"] == "documents of this key"
    assert [waits(rates, "b", 3), waits(rates, "c", 3)] == [0, 0]


def test_bytes_count_once_they_were_read_and_hold_up_the_next_body() -> None:
    rates = TenantRates(Rate(0, 0), Rate(1000, 4000), clock := Clock())
    rates.admit(Payer("t"))
    rates.charge_bytes(Payer("t"), 3999)
    rates.admit(Payer("t"))
    rates.charge_bytes(Payer("t"), 3001)
    with pytest.raises(Refusal) as refused:
        rates.admit(Payer("t"))
    assert (refused.value.more["limit"], refused.value.more["retry_after"]) == ("bytes", 4)
    clock.now = 3.01
    rates.admit(Payer("t"))


def test_invented_tenants_cost_no_memory() -> None:
    rates = TenantRates(Rate(100, 500), Rate(1000, 4000), Clock())
    for number in range(3 * MAX_TENANTS):
        rates.admit(Payer(f"t{number}"))
    assert len(rates._buckets._buckets) == 2 * MAX_TENANTS


def test_no_limit() -> None:
    rates = TenantRates(Rate(0, 0), Rate(0, 0), Clock())
    rates.admit(Payer("t"))
    assert [waits(rates, "t", 1000) for _ in range(100)] == [0] * 100


PATHS = {
    "/v1/problems": b'{"code":"e.p.x"}',
    "/v1/activity": b'{"kind":"job_started"}',
    "/v1/problems/x/resolve": b'{"by":"ann"}',
}


@pytest.mark.parametrize(("path", "body"), PATHS.items(), ids=PATHS)
async def test_the_answer_says_when_to_come_again(path: str, body: bytes) -> None:
    publisher = MemoryPublisher()
    request = HEAD.replace(b"/v1/problems", path.encode())
    request += f"connection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    async with gateway_with(publisher=publisher, tenant_documents=Rate(0.001, 2)) as port:
        answers = [await answered(port, request) for _ in range(3)]
    assert [answer.split()[1] for answer in answers] == [b"202", b"202", b"429"]
    assert b"retry-after: 1000" in answers[2].lower()
    assert b"connection: close" in answers[2].lower()
    assert len(publisher.events) == 2


async def test_refused_documents_count_too() -> None:
    body = b"{"
    request = HEAD + f"connection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode() + body
    async with gateway_with(tenant_documents=Rate(0.001, 2)) as port:
        answers = [await answered(port, request) for _ in range(3)]
    assert [answer.split()[1] for answer in answers] == [b"400", b"400", b"429"]


# where, what there is no room for, what there is
CROWDED = {
    "a batch": ("/v1/problems", b'[{"code":"e.p.x"},{"code":"e.p.y"}]', b'[{"code":"e.p.x"}]'),
    "a record of an agent that failed": (
        "/v1/agents/acapy/topic/connections/",
        b'{"connection_id":"c","state":"abandoned"}',
        b'{"connection_id":"c","state":"active"}',
    ),
}


@pytest.mark.parametrize(("path", "large", "small"), CROWDED.values(), ids=CROWDED)
async def test_what_is_refused_for_want_of_room_costs_nothing(path: str, large: bytes, small: bytes) -> None:
    head, answers = HEAD.replace(b"/v1/problems", path.encode()), []
    async with gateway_with(room=Room(documents=1), tenant_documents=Rate(0.001, 2)) as port:
        for body in (large, large, small, small, small):
            said = f"connection: close\r\ncontent-length: {len(body)}\r\n\r\n".encode()
            answers.append(await answered(port, head + said + body))
    assert [answer.split()[1] for answer in answers] == [b"503", b"503", b"202", b"202", b"429"]
