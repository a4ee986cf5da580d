"""What a web page elsewhere could make a visitor's browser send is refused; what our own clients send is not."""

from __future__ import annotations

import pytest
from multidict import CIMultiDict

from tests.connectors.gateway.conftest import Gateway
from tocsin.connectors.gateway import host_of

BODY = b'{"code": "e.p.x"}'
JSON = {"content-type": "application/json"}

# headers, status, kind of problem
ASKED: dict[str, tuple[dict[str, str], int, str | None]] = {
    "by curl": (JSON, 202, None),
    "by localhost": (JSON | {"host": "localhost:8700"}, 202, None),
    "by an IPv6 loopback": (JSON | {"host": "[::1]:8700"}, 202, None),
    "in capitals, with a dot": (JSON | {"host": "LOCALHOST."}, 202, None),
    "by the public name": (JSON | {"host": "bus.example.org"}, 202, None),
    "by our own page": (JSON | {"origin": "https://bus.example.org"}, 202, None),
    "by a page on this machine": (JSON | {"origin": "http://localhost:3000"}, 202, None),
    "by a rebound name": (JSON | {"host": "evil.example"}, 421, "foreign-host"),
    "by a name that ends like ours": (JSON | {"host": "evil-bus.example.org"}, 421, "foreign-host"),
    "by a name that begins like ours": (JSON | {"host": "localhost.evil.example"}, 421, "foreign-host"),
    "by ours as a user": (JSON | {"host": "localhost@evil.example"}, 421, "foreign-host"),
    "by evil as a user": (JSON | {"host": "evil.example@localhost"}, 421, "foreign-host"),
    "by a strange address": (JSON | {"host": "93.184.216.34"}, 421, "foreign-host"),
    "by nothing": (JSON | {"host": ""}, 421, "foreign-host"),
    "by half an address": (JSON | {"host": "[::1"}, 421, "foreign-host"),
    "by a foreign page": (JSON | {"origin": "https://evil.example"}, 403, "foreign-origin"),
    "by a sandboxed page": (JSON | {"origin": "null"}, 403, "foreign-origin"),
    "by a page whose name begins like ours": (
        JSON | {"origin": "https://localhost.evil.example"},
        403,
        "foreign-origin",
    ),
    "without a media type": ({"content-type": ""}, 415, "unsupported-media-type"),
    "as a form": ({"content-type": "application/x-www-form-urlencoded"}, 415, "unsupported-media-type"),
    "by a page that does not say which": (JSON | {"sec-fetch-site": "cross-site"}, 403, "foreign-origin"),
    "as a multipart form": ({"content-type": "multipart/form-data; boundary=x"}, 415, "unsupported-media-type"),
}


@pytest.mark.parametrize("path", ["/v1/problems", "/v1/activity"])
@pytest.mark.parametrize(("headers", "status", "kind"), ASKED.values(), ids=ASKED)
async def test_who_may_publish(
    gateway: Gateway, path: str, headers: dict[str, str], status: int, kind: str | None
) -> None:
    body = BODY if path == "/v1/problems" else b'{"kind": "job_started"}'
    got, answer, _ = await gateway.post(path, body, headers=headers)
    assert got == status
    assert answer.get("type", "").rpartition(":")[2] == (kind or "")
    assert len(gateway.publisher.events) == (status == 202)


async def test_text_is_a_problem_but_no_activity_and_not_from_a_foreign_page(gateway: Gateway) -> None:
    """A form can send text/plain, but never without saying from where."""
    for media_type in ("text/plain", "text/plain; application/json"):
        text = {"content-type": media_type}
        assert (await gateway.post("/v1/activity", b'{"kind": "job_started"}', headers=text))[0] == 415
        for foreign in ({"origin": "https://evil.example"}, {"origin": "null"}, {"sec-fetch-site": "cross-site"}):
            assert (await gateway.post("/v1/problems", BODY, headers=text | foreign))[0] == 403
    assert gateway.publisher.events == []


async def test_two_media_types_are_none(gateway: Gateway) -> None:
    for two in (("text/plain", "application/json"), ("application/json", "text/plain")):
        headers = CIMultiDict([("content-type", media_type) for media_type in two])
        async with gateway.http.post("/v1/problems", data=BODY, headers=headers) as answer:
            assert answer.status == 415
    assert gateway.publisher.events == []


async def test_no_media_type_at_all(gateway: Gateway) -> None:
    for path in ("/v1/problems", "/v1/activity", "/v1/problems/x/resolve"):
        async with gateway.http.post(path, data=BODY, skip_auto_headers=["content-type"]) as answer:
            assert answer.status == 415
            assert "content-type: application/json" in (await answer.json(content_type=None))["detail"]
    assert gateway.publisher.events == []


COMMANDED: dict[str, tuple[dict[str, str], int]] = {
    "a header of ours": ({"tocsin-by": "ann"}, 202),
    "a document": (JSON, 422),  # which says by whom, but this one is empty
    "nothing": ({}, 403),
    "a form": ({"content-type": "application/x-www-form-urlencoded"}, 403),
    "a foreign page with a header": ({"tocsin-by": "ann", "origin": "https://evil.example"}, 403),
}


@pytest.mark.parametrize(("headers", "status"), COMMANDED.values(), ids=COMMANDED)
async def test_a_command_without_a_body_needs_a_header_that_no_form_sends(
    gateway: Gateway, headers: dict[str, str], status: int
) -> None:
    skip = [] if "content-type" in headers else ["content-type"]
    path = "/v1/problems/x/acknowledge"
    async with gateway.http.post(path, headers=headers, skip_auto_headers=skip) as answer:
        assert answer.status == status
    assert len(gateway.publisher.events) == (status == 202)


@pytest.mark.parametrize("path", ["/v1/problems/", "/healthz/", "/v1/codes/"])
async def test_no_redirect_is_built_from_the_host(gateway: Gateway, path: str) -> None:
    async with gateway.http.get(path, headers={"host": "localhost"}, allow_redirects=False) as answer:
        assert (answer.status in (200, 404, 405), "location" in answer.headers) == (True, False)


async def test_probes_are_answered_under_any_name_and_nothing_else_is(gateway: Gateway) -> None:
    for path, status in (("/healthz", 200), ("/readyz", 200), ("/metrics", 421), ("/v1/codes", 421), ("/mode", 421)):
        async with gateway.http.get(path, headers={"host": "10.1.2.3:8700"}) as answer:
            assert answer.status == status


HOSTS = {
    "//a:1": "a",
    "//A.b.": "a.b",
    "//[::1]:1": "::1",
    "https://x/y": "x",
    "null": None,
    "//[": None,
    "//a@b": None,
}


@pytest.mark.parametrize(("url", "host"), HOSTS.items(), ids=HOSTS)
def test_the_host_of_a_url(url: str, host: str | None) -> None:
    assert host_of(url) == host
