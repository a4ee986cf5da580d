"""Who needs no credential: who asks from the gateway's own machine, and nobody whom a proxy may have let in."""

from __future__ import annotations

import pytest
from starlette.requests import Request

from tocsin.connectors.gateway.admission import FORWARDED, from_this_machine


def a_request(client: str = "127.0.0.1", version: str = "1.1", **headers: str) -> Request:
    known = {"host": "127.0.0.1:8700", **headers}
    return Request({
        "type": "http", "method": "GET", "path": "/v1/subscriptions", "query_string": b"", "http_version": version,
        "client": (client, 50_000),
        "headers": [(name.replace("_", "-").encode(), value.encode()) for name, value in known.items()],
    })  # fmt: skip


@pytest.mark.parametrize(
    "request_",
    [
        pytest.param(a_request("192.0.2.7"), id="from another machine"),
        pytest.param(a_request(host="bus.example"), id="by another name"),
        pytest.param(a_request(version="1.0"), id="through a proxy that says nothing of itself, as nginx does"),
        *(pytest.param(a_request(**{name: "x"}), id=f"through a proxy, {name}") for name in FORWARDED),
    ],
)
def test_who_does(request_: Request) -> None:
    assert not from_this_machine(request_)


def test_who_does_not() -> None:
    assert from_this_machine(a_request())
