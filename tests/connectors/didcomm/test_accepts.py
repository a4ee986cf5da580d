"""Which DIDComm a did:peer:2 says that its agent takes: as the services in it accept."""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.didcomm.accepts import version_stated


def did(*services: Any) -> str:
    segments = [urlsafe_b64encode(json.dumps(one).encode()).decode().rstrip("=") for one in services]
    return "".join(["did:peer:2.Ez6LSabc.Vz6Mkabc", *[f".S{one}" for one in segments]])


def of_v2(*accept: str) -> dict[str, Any]:
    return {"t": "dm", "s": {"uri": "https://x.example", "a": list(accept)}}


# a DID -> the version that it says
SAID: dict[str, tuple[str, int | None]] = {
    "v2": (did(of_v2("didcomm/v2")), 2),
    "v2 by its type": (did({"t": "dm", "s": "https://x.example"}), 2),
    "as it was written before 2023": (did({"t": "dm", "s": "https://x.example", "a": ["didcomm/v2"]}), 2),
    "spelt out": (did({"type": "DIDCommMessaging", "serviceEndpoint": {"uri": "x", "accept": ["didcomm/v2"]}}), 2),
    "v1": (did({"type": "did-communication", "serviceEndpoint": "https://x.example"}), 1),
    "v1 by what it accepts": (did({"t": "dm", "s": "x", "a": ["didcomm/aip2;env=rfc19"]}), 1),
    "both, in one service": (did(of_v2("didcomm/v2", "didcomm/aip1")), None),
    "both, in two": (did(of_v2("didcomm/v2"), {"t": "did-communication", "s": "x"}), None),
    "a list of services": (did([of_v2("didcomm/v2"), of_v2("didcomm/v2")]), 2),
    "another kind of service": (did({"t": "website", "s": "x"}), None),
    "no service": (did(), None),
    "what is no service": (did(7, [None, "x"], {"t": ["dm"], "s": {"a": 7}}), None),
    "no base64": ("did:peer:2.Ez6LS.S%%%", None),
    "no JSON": ("did:peer:2.Ez6LS.Sabcd", None),
    "deep": ("did:peer:2.S" + urlsafe_b64encode(b"[" * 3000).decode(), None),
    "another method": ("did:peer:4zQm.S", None),
    "did:web": ("did:web:x.example", None),
}


@pytest.mark.parametrize(("said", "version"), SAID.values(), ids=list(SAID))
def test_the_version(said: str, version: int | None) -> None:
    assert version_stated(said) == version


@given(st.text(max_size=80).map(lambda rest: f"did:peer:2{rest}"))
def test_any_text_says_something_or_nothing(said: str) -> None:
    assert version_stated(said) in (1, 2, None)
