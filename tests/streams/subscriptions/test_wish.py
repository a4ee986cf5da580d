"""What a document may wish for, and in which words another one is refused."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.dialects import Unreadable
from tocsin.streams.subscriptions.wish import read_wish

SECRET = "whsec_" + "Y" * 43 + "="
PLAIN = {"name": "hook", "url": "https://hooks.example.com/in"}


@pytest.mark.parametrize(
    "more",
    [
        {},
        {"match": {"code": ["e.p.xfer"], "severity": "error", "expr": "problem.text != ''"}},
        {"secret": SECRET},
        {"ed25519": True},
        {"headers": {"authorization": "Bearer x"}, "language": ["fr", "en"]},
        {"audience": "peer"},
        {"audience": "peer", "body": "didcomm-2.0"},
        {"body": "rfc9457"},
        {"ownership": "challenge"},
    ],
)
def test_what_is_taken(more: dict[str, Any]) -> None:
    wish = read_wish({**PLAIN, **more})
    assert (wish.name, wish.settings["url"], wish.secret) == ("hook", PLAIN["url"], more.get("secret"))
    assert json.loads(wish.match) == more.get("match", {})
    assert "hooks" not in wish.config
    assert "hooks" not in repr(wish)


@pytest.mark.parametrize(
    ("more", "pointer", "expected"),
    [
        pytest.param({"name": "Hook"}, "/name", "a-z, 0-9", id="a name with a capital"),
        pytest.param({"name": 7}, "/name", "a-z, 0-9", id="a number for a name"),
        pytest.param({"url": None}, "/url", "", id="no URL"),
        pytest.param({"url": "http://hooks.example.com/"}, "/url", "https on port 443", id="http"),
        pytest.param({"url": "https://hooks.example.com:8443/"}, "/url", "port 443", id="another port"),
        pytest.param({"url": "https://u:p@hooks.example.com/"}, "/url", "user", id="a password in the URL"),
        pytest.param({"url": "https://gateway.example/x"}, "/url", "somebody else", id="this very bus"),
        pytest.param({"url": "https://169.254.169.254/x"}, "/url", "public", id="the cloud's own address"),
        pytest.param({"url": "https://[::ffff:127.0.0.1]/x"}, "/url", "public", id="loopback in IPv6"),
        pytest.param({"url": "https://localhost/x"}, "/url", "private", id="localhost"),
        pytest.param({"allow_private": True}, "/allow_private", "operator", id="private addresses"),
        pytest.param({"allow_private": "yes"}, "/allow_private", "operator", id="private addresses, as text"),
        pytest.param({"secret_env": "HOME"}, "", "only members", id="a secret from our environment"),
        pytest.param({"secret_file": "/etc/passwd"}, "", "only members", id="a secret from our files"),
        pytest.param({"secret": {"env": "HOME"}}, "/secret", "a text", id="a secret by name"),
        pytest.param({"secrets": [SECRET]}, "", "only members", id="several secrets"),
        pytest.param({"headers": {"x": {"file": "/etc/passwd"}}}, "/headers", "texts", id="a header from our files"),
        pytest.param({"headers": {"host": "x"}}, "/headers", "set by the sink", id="a header of ours"),
        pytest.param({"headers": []}, "/headers", "texts", id="headers as a list"),
        pytest.param({"secret": "whsec_short"}, "/secret", "", id="a secret that is none"),
        pytest.param({"secret": SECRET, "ed25519": True}, "/ed25519", "no secret beside", id="two wishes"),
        pytest.param({"sink": "log"}, "", "only members", id="another sink"),
        pytest.param({"audience": "operator"}, "/audience", "owner or peer", id="the operator"),
        pytest.param({"audience": "peer", "body": "notification"}, "/body", "didcomm-2.0", id="a peer of ours"),
        pytest.param({"body": "klingon"}, "/body", "", id="a dialect that is none"),
        pytest.param({"match": []}, "/match", "an object", id="a match as a list"),
        pytest.param({"match": {"cod": ["e.p"]}}, "/match/cod", "code", id="a misspelt key of match"),
        pytest.param({"match": {"tenant": ["other"]}}, "/match/tenant", "own tenant", id="another tenant's problems"),
        pytest.param({"match": {"expr": "problem.("}}, "/match/expr", "", id="CEL that is none"),
        pytest.param({"match": {"code": ["x" * 2000] * 20}}, "/match", "at most 16384", id="a match without end"),
        pytest.param({"ownership": "options"}, "/origin", "who asks", id="a question that nobody asks"),
        pytest.param({"origin": "tocsin.example"}, "/origin", "none: it is only", id="an origin for nothing"),
        pytest.param({"match": {"severity": ["fatal"]}}, "/match/severity", "'warning'", id="another severity"),
        pytest.param({"nmae": "x"}, "", "name, or another of", id="a misspelt member"),
    ],
)  # fmt: skip
def test_what_is_refused(more: dict[str, Any], pointer: str, expected: str) -> None:
    document = {name: value for name, value in {**PLAIN, **more}.items() if value is not None}
    with pytest.raises(Unreadable) as refused:
        read_wish(document, own=["https://gateway.example"])
    assert refused.value.pointer == pointer
    assert expected in refused.value.expected
    assert refused.value.expected
    assert "/etc/passwd" not in str(refused.value)


def test_the_operator_may_let_private_addresses_in() -> None:
    private = {"name": "hook", "url": "http://10.0.0.7:8080/in", "allow_private": True}
    assert read_wish(private, private=True).settings == {"url": private["url"], "allow_private": True}


def test_the_name_of_the_path_is_the_name() -> None:
    assert read_wish({"url": PLAIN["url"]}, name="hook").name == "hook"
    with pytest.raises(Unreadable, match="path"):
        read_wish(PLAIN, name="other")


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
members = st.sampled_from(["name", "match", "secret", "ed25519", "audience", "body", "language", "delivery", "url",
                           "headers", "allow_private", "ownership", "origin"])  # fmt: skip


@given(st.dictionaries(members, anything, max_size=5))
def test_whatever_comes_is_taken_or_refused(document: dict[str, Any]) -> None:
    try:
        wish = read_wish({**PLAIN, **document})
    except Unreadable as refused:
        assert refused.expected  # noqa: PT017
    else:
        assert wish.name == document.get("name", "hook")


# what is wrong -> what should stand there, and then what is wrong
WANTED_FIRST: dict[str, tuple[dict[str, Any], str]] = {
    "a private address": ({"url": "https://10.0.0.1/"}, "an https URL on port 443 whose host is public (here: the a"),
    "a number as address": ({"url": "https://2130706433/"}, "an https URL on port 443 whose host is public (here: "),
    "no URL": ({"url": "hooks.example.com"}, "an https URL on port 443 whose host is public (here: must be an http"),
    "half an expression": ({"match": {"expr": "1+"}}, "an expression (CEL) (here: "),
    "a header of ours": ({"headers": {"host": "x"}}, "at most 20 headers that HTTP allows and the sink does not set"),
    "a short secret": ({"secret": "whsec_short"}, "whsec_ and base64 of 24 to 64 bytes"),
    "an origin that is no name": ({"ownership": "options", "origin": "a b"}, "a DNS name, such as "),
    "another severity": ({"match": {"severity": ["fatal"]}}, "'error', "),
}


@pytest.mark.parametrize(("more", "begins"), WANTED_FIRST.values(), ids=list(WANTED_FIRST))
def test_expected_begins_with_what_is_wanted(more: dict[str, Any], begins: str) -> None:
    with pytest.raises(Unreadable) as refused:
        read_wish({**PLAIN, **more})
    assert refused.value.expected.startswith(begins)
