"""Links are where things are: absolute with a public address, with the tenant for whoever may see every one."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest

from tests.harness.canaries import CANARIES, SECRETS
from tests.harness.stored import take_up, told_story
from tests.streams.ask.conftest import Gateway, gateway_over
from tocsin.connectors.redaction import redacted

PUBLIC = "https://bus.example/tocsin/"
ASKED = [
    "/v1/problems", "/v1/problems/p-1?form=json", "/v1/problems/p-evil?form=json", "/v1/records/issuance/r-1",
    "/v1/threads/t-1", "/v1/connections", "/v1/connections/c-1", "/v1/cases?state=any", "/v1/cases/case-1",
    "/v1/peers?since=2020-01-01T00:00:00Z",
]  # fmt: skip
COMMANDS = ("acknowledge", "snooze", "resolve")


def links_of(document: Any) -> Iterator[str]:
    """Every link in a document, but for those that are posted to."""
    if isinstance(document, list):
        for one in document:
            yield from links_of(one)
    elif isinstance(document, dict):
        for name, value in document.items():
            if name == "links":
                yield from (link for action, link in value.items() if action not in COMMANDS)
            elif name in ("next", "instance"):
                yield value
            else:
                yield from links_of(value)


@pytest.mark.parametrize("path", ASKED)
async def test_every_link_leads_somewhere(asked: Gateway, path: str) -> None:
    links = set(links_of((await asked.get(path)).json))
    assert links
    assert not [link for link in links if not link.startswith("/v1/") or "tenant=" in link]
    for link in sorted(links):
        assert (await asked.get(link)).status == 200, link


async def test_links_are_absolute_with_a_public_address(lite: str) -> None:
    async with gateway_over(lite, public_url=PUBLIC) as gateway:
        for path in [*ASKED, "/v1/problems?limit=1"]:
            links = set(links_of((await gateway.get(path)).json))
            assert links
            assert all(link.startswith("https://bus.example/tocsin/v1/") for link in links), links
        assert (await gateway.get("/v1/problems/p-1")).json["instance"] == "https://bus.example/tocsin/v1/problems/p-1"


async def test_the_tenant_stands_in_links_of_whoever_may_see_every_one(shown: Gateway) -> None:
    operator = shown.keyring.header("*")
    for path in ASKED:
        asked_for = f"{path}{'&' if '?' in path else '?'}tenant=acme"
        links = set(links_of((await shown.get(asked_for, operator)).json))
        assert links
        assert all("tenant=acme" in link for link in links), links
        for link in sorted(links):
            assert (await shown.get(link, operator)).status == 200, link
    following = (await shown.get("/v1/problems?limit=1&tenant=acme", operator)).json["next"]
    assert following.count("tenant=") == 1


async def test_next_keeps_what_was_asked(shown: Gateway) -> None:
    following = (await shown.get("/v1/problems?limit=1&code=e.p.job&q=job")).json["next"]
    assert re.fullmatch(r"/v1/problems\?limit=1&code=e\.p\.job&q=job&cursor=[\w%-]+", following)


async def test_secrets_are_in_no_answer(tmp_path: Any) -> None:
    """What a service put into a report is taken out before it is stored, and no answer brings it back."""
    address = f"sqlite:///{tmp_path / 'store.db'}"
    await take_up(
        address,
        [
            (topic, key, redacted(event))
            for number, secret in enumerate(CANARIES.values())
            for topic, key, event in told_story("acme", f"it failed with {secret}", report=f"p-{number}")
        ],
    )
    paths = [
        *(f"/v1/problems/p-{number}?form={form}" for number in range(len(CANARIES))
          for form in ("rfc9457", "json", "html", "didcomm-2.0", "aries-1.0", "raw")),
        "/v1/problems?limit=250", "/v1/threads/t-1?limit=250", "/v1/connections/c-1", "/v1/records/issuance/r-1",
        "/v1/cases", "/v1/cases/case-1", "/v1/peers/did:example:bob?since=2020-01-01T00:00:00Z",
        "/v1/peers/did:example:bob?form=markdown&since=2020-01-01T00:00:00Z", "/v1/problems?q=failed",
    ]  # fmt: skip
    async with gateway_over(address) as gateway:
        for path in paths:
            answer = await gateway.get(path)
            assert answer.status == 200, path
            assert not [secret for secret in SECRETS if secret in answer.text], (path, answer.text)
        assert "it failed with" in json.dumps((await gateway.get("/v1/problems/p-0?form=json")).json)
