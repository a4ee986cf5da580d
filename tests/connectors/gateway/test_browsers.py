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
    "by the public name, without a key": (JSON | {"host": "bus.example.org"}, 401, "no-credential"),
    "by our own page": (JSON | {"origin": "https://bus.example.org"}, 202, None),
    "by our own page, as it was asked": (
        JSON | {"host": "localhost:8700", "origin": "http://localhost:8700"},
        202,
        None,
    ),
    "by another page on this machine": (JSON | {"origin": "http://localhost:3000"}, 403, "foreign-origin"),
    "by our own name at another port": (JSON | {"origin": "https://bus.example.org:3000"}, 403, "foreign-origin"),
    "by our own page, as the browser says": (JSON | {"sec-fetch-site": "same-origin"}, 202, None),
    "by a person": (JSON | {"sec-fetch-site": "none"}, 202, None),
    "by the same site, another origin": (JSON | {"sec-fetch-site": "same-site"}, 403, "foreign-origin"),
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


async def test_by_the_public_name_a_key_is_needed(gateway: Gateway) -> None:
    named = JSON | {"host": "bus.example.org"} | gateway.keyring.header("acme", "publish")
    assert (await gateway.post("/v1/problems", BODY, headers=named))[0] == 202
    assert gateway.reported[0].tenant == "acme"


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


# headers, whether somebody who needs no key is told
READ: dict[str, tuple[dict[str, str], bool]] = {
    "by curl": ({}, True),
    "by a person": ({"sec-fetch-site": "none", "sec-fetch-dest": "document"}, True),
    "by a script of ours": ({"sec-fetch-site": "same-origin", "sec-fetch-dest": "empty"}, True),
    "by a link in a chat": ({"sec-fetch-site": "cross-site", "sec-fetch-dest": "document"}, True),
    "as an image elsewhere": ({"sec-fetch-site": "cross-site", "sec-fetch-dest": "image"}, False),
    "by a script elsewhere": ({"sec-fetch-site": "cross-site", "sec-fetch-dest": "empty"}, False),
    "in a frame elsewhere": ({"sec-fetch-site": "cross-site", "sec-fetch-dest": "iframe"}, False),
    "by another program on this machine": ({"sec-fetch-site": "same-site", "sec-fetch-dest": "empty"}, False),
}


@pytest.mark.parametrize(("headers", "told"), READ.values(), ids=READ)
async def test_who_may_read_without_a_key(gateway: Gateway, headers: dict[str, str], told: bool) -> None:
    """A page elsewhere sees no answer, but how long it takes, which says whether something is there."""
    async with gateway.http.get("/metrics", headers=headers) as answer:
        assert answer.status == (200 if told else 403)
    async with gateway.http.get("/metrics", headers=headers | gateway.keyring.header("*", "metrics")) as answer:
        assert answer.status == 200
