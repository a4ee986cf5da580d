"""What the files for Node and Go take out of what they tell: the same as the bus (`tocsin.connectors.redaction`)."""

from __future__ import annotations

import json
import re

import pytest

from tests.connectors.publish.scripted_gateway import scripted
from tests.connectors.publishers.steered import TOOLS, Steered
from tests.connectors.secret_vectors import LEAKS, OTHER_NAMES, SECRET_NAMES, STAYS
from tests.connectors.test_redaction import JWTS
from tests.harness.canaries import CANARIES, SECRETS
from tests.harness.extras import needs_language

pytestmark = pytest.mark.timeout(600)  # Go compiles its library once on a new machine

LONG = 200_000
"""Milliseconds that nothing here takes."""
MARKS = re.compile(r"\*\*\*|\[redacted [a-zA-Z ]+\]")


@pytest.mark.parametrize("tool", TOOLS)
async def test_what_counts_as_a_secret_is_what_the_bus_takes_out(tool: str) -> None:
    """The marks in the place of a password may differ."""
    needs_language(tool)
    texts = LEAKS | JWTS
    told = {
        "code": "e.p.x",
        "leaks": [text for text, _ in texts.values()],
        "canaries": [f"The call with {text}" for text in CANARIES.values()],
        "stays": list(STAYS),
        "named": dict.fromkeys(SECRET_NAMES, "S3kret"),
        "plain": dict.fromkeys(OTHER_NAMES, "S3kret"),
        "items": [{"key": "db_password", "value": "S3kret"}, {"key": "user", "value": "ann"}],
        "jwk": {"kty": "OKP", "d": "S3kret", "x": "public"},
        "whole": {"password": {"a": ["S3kret"]}, "token": None, "secret": False, "cookie": ""},
        "card": 4111111111111111,
        "id": 4111111111111111,
    }
    with scripted() as other:
        async with Steered(tool, other.url) as service:
            assert await service.do("problem", document=told)
            await service.do("flush", within=LONG)
    [body] = other.bodies
    found = json.loads(body)
    for (name, (_, wanted)), text in zip(texts.items(), found["leaks"], strict=True):
        assert "S3kret" not in text, name
        assert "5ecret" not in text, name
        if wanted is not None:
            assert MARKS.sub("[]", text) == MARKS.sub("[]", wanted), name
    for name, text in zip(CANARIES, found["canaries"], strict=True):
        assert text.startswith("The call with "), name
        assert not any(secret in text for secret in SECRETS), name
    assert found["stays"] == list(STAYS)
    assert found["named"] == dict.fromkeys(SECRET_NAMES, "[redacted value]")
    assert found["plain"] == dict.fromkeys(OTHER_NAMES, "S3kret")
    assert [one["value"] for one in found["items"]] == ["[redacted value]", "ann"]
    assert found["jwk"] == {"kty": "OKP", "d": "[redacted value]", "x": "public"}
    assert found["whole"] == {"password": "[redacted value]", "token": None, "secret": False, "cookie": ""}
    assert (found["card"], found["id"]) == ("[redacted card number]", 4111111111111111)
