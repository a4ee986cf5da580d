"""The vectors for receivers: they are current, and what ours and the reference library say of them."""

from __future__ import annotations

import base64
from datetime import datetime, tzinfo
from typing import Any
from unittest.mock import patch

import pytest
import standardwebhooks.webhooks
from standardwebhooks import Webhook, WebhookVerificationError

from tests.connectors.webhooks.vectors import FOLDER, VECTORS, written
from tocsin.connectors.webhooks import RefusalReason, SignatureRefused, sign, verify

ALL = {f"{file[:-5]}: {vector['name']}": vector for file, vectors in VECTORS.items() for vector in vectors}


def test_the_files_are_current() -> None:
    assert {path.name: path.read_text("utf-8") for path in FOLDER.iterdir()} == {
        name: written(vectors) for name, vectors in VECTORS.items()
    }, "run: make documents"


def test_no_two_have_one_name_and_every_reason_is_shown() -> None:
    assert len(ALL) == sum(len(vectors) for vectors in VECTORS.values())
    shown = {vector.get("reason") for vector in ALL.values()}
    assert shown == {None, *map(str, RefusalReason)} - {str(RefusalReason.UNUSABLE_SECRET)}


@pytest.mark.parametrize("vector", ALL.values(), ids=list(ALL))
def test_ours(vector: dict[str, Any]) -> None:
    body = base64.b64decode(vector["body"])
    try:
        verify(body, vector["headers"], vector["secrets"], now=vector["now"] * 1_000_000)
        found: tuple[str, str | None] = ("accepted", None)
    except SignatureRefused as refused:
        found = ("refused", str(refused.reason))
    assert found == (vector["verdict"], vector.get("reason"))
    if signs := vector.get("signed_with"):
        at = int(vector["headers"]["webhook-timestamp"]) * 1_000_000
        assert sign(vector["headers"]["webhook-id"], at, body, signs) == vector["headers"]


DIFFERENT = {
    "v1: a body that is no text": "it takes text only",
    "v1: the same time in another spelling": "it writes the time anew before it signs",
    "v1: a signature with more": "it takes any spelling of base64",
    "v1: the same bits in another base64": "it takes any spelling of base64",
    "v1: garbage around it": "it refuses what has an entry without exactly one comma",
    "v1: 17 signatures, the last one fits": "it looks at all",
    "v1: 1,000 signatures, the last one fits": "it looks at all",
    "headers: a time with a sign": "it takes what Python's float takes, and writes it anew",
    "headers: a time with a fraction": "it takes what Python's float takes, and writes it anew",
    "headers: a time with an exponent": "it takes what Python's float takes, and writes it anew",
    "headers: a time with a space": "it takes what Python's float takes, and writes it anew",
    "headers: a time with other digits": "it takes what Python's float takes, and writes it anew",
}
"""Where the reference library for Python says otherwise; nothing of it is ever sent by us."""


class _At:
    """`datetime` at a time of ours."""

    def __init__(self, now: int) -> None:
        self._now = now

    def now(self, tz: tzinfo) -> datetime:
        return datetime.fromtimestamp(self._now, tz)

    fromtimestamp = staticmethod(datetime.fromtimestamp)


OF_ONE_SECRET = {
    name: vector
    for name, vector in ALL.items()
    if len(vector["secrets"]) == 1 and vector["secrets"][0].startswith("whsec_")
}


@pytest.mark.parametrize("name", OF_ONE_SECRET)
def test_the_reference_library_where_it_knows_the_kind(name: str) -> None:
    vector = ALL[name]
    with patch.object(standardwebhooks.webhooks, "datetime", _At(vector["now"])):
        try:
            Webhook(vector["secrets"][0]).verify(base64.b64decode(vector["body"]), vector["headers"], json_parse=False)
            verdict = "accepted"
        except (WebhookVerificationError, ValueError):
            verdict = "refused"
    assert (verdict != vector["verdict"]) is (name in DIFFERENT), verdict
