"""What the webhook sink signs with: either kind, or both during a change from one to the other; none is logged."""

from __future__ import annotations

import logging
from typing import Any

import pytest
from aiohttp import web

from tests.harness.webhook_receivers import attempt, config, deliver, receiver
from tocsin.connectors.sinks.base import Delivered, SinkMisconfigured
from tocsin.connectors.sinks.webhook import WebhookSink
from tocsin.connectors.webhooks import new_key_pair, new_secret, verify

SECRET, (SIGNING, PUBLIC) = new_secret(), new_key_pair()

KINDS = {
    "v1": ([SECRET], [SECRET], ["v1"]),
    "v1a": ([SIGNING], [PUBLIC], ["v1a"]),
    "both": ([SIGNING, SECRET], [PUBLIC], ["v1a", "v1"]),
    "both, for a receiver of the old": ([SIGNING, SECRET], [SECRET], ["v1a", "v1"]),
}


@pytest.mark.parametrize(("signs", "receivers", "versions"), KINDS.values(), ids=list(KINDS))
async def test_a_receiver_verifies_it(
    signs: list[str], receivers: list[str], versions: list[str], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    seen: list[Any] = []

    async def take(request: web.Request) -> web.Response:
        seen.append((await request.read(), request.headers))
        return web.Response(status=204)

    async with receiver(take) as url:
        assert await deliver(url, secrets=signs) == Delivered(status=204)
        assert await deliver(url, secrets=signs, given=attempt(attempt=3, replay=1)) == Delivered(status=204)
    for body, headers in seen:
        assert verify(body, headers, receivers).webhook_id == "d-1"
        assert [entry.partition(",")[0] for entry in headers["webhook-signature"].split(" ")] == versions
    marks = [(headers["tocsin-attempt"], headers.get("tocsin-replay")) for _, headers in seen]
    assert marks == [("2", None), ("3", "1")]
    assert not [secret for secret in signs if secret in caplog.text]


@pytest.mark.parametrize("secrets", [[PUBLIC], [SECRET, PUBLIC], ["whsk_AAAA"]], ids=["public", "mixed", "short"])
def test_what_cannot_sign_is_refused_unquoted(secrets: list[str]) -> None:
    with pytest.raises(SinkMisconfigured) as refusal:
        WebhookSink(config("http://x/", secrets=secrets))
    assert refusal.value.field == "secrets"
    assert not [secret for secret in secrets if secret in str(refusal.value)]
    assert not [secret for secret in secrets if secret in repr(config("http://x/", secrets=secrets))]
