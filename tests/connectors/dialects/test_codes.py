"""The code grammar as tables: what is read, what is flagged, what is refused."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.dialects.codes import code_key, escalation_allowed, matches_prefix, parse_code, read_code
from tocsin.connectors.dialects.reading import Unreadable

# code: severity, scope, descriptors, category, violations
READ = {
    "e.p.xfer.cant-use-endpoint": ("error", "protocol", ["xfer", "cant-use-endpoint"], "xfer", []),
    "w.m": ("warning", "message", [], None, []),
    "w.websocket.duplicate-channel": ("warning", "state:websocket", ["duplicate-channel"], None, []),
    "e.p.me.res.storage.full": ("error", "protocol", ["me", "res", "storage", "full"], "me.res.storage", []),
    "e.p.req.time": ("error", "protocol", ["req", "time"], "req.time", []),
    "e.did.unresolvable": ("error", None, ["did", "unresolvable"], "did", ["code-scope-missing"]),
    "w.msg.bad-lang": ("warning", None, ["msg", "bad-lang"], "msg", ["code-scope-missing"]),
    "e.p.req.not_enroll": ("error", "protocol", ["req", "not_enroll"], "req", ["code-not-kebab-case"]),
    "e.p.me.res.not_enroll": ("error", "protocol", ["me", "res", "not_enroll"], "req", ["code-not-kebab-case"]),
    "e.p.crypto.message.dejavu": ("error", "protocol", ["crypto", "message", "dejavu"], "trust.crypto", []),
    "e.p.cryto.dejavu": ("error", "protocol", ["cryto", "dejavu"], "trust.crypto", []),
    "e.p.trust.crypto": ("error", "protocol", ["trust", "crypto"], "trust.crypto", []),
    "e.p.msg": ("error", "protocol", ["msg"], "trust.crypto", []),
    "e.p.msg.unsupported": ("error", "protocol", ["msg", "unsupported"], "msg", []),
    "e.p.error": ("error", "protocol", ["error"], "me", []),
    "e.m.live-mode-not-supported": ("error", "message", ["live-mode-not-supported"], "req", []),
    "e.p.fo--o": ("error", "protocol", ["fo--o"], None, []),
    "E.P.X": ("error", "protocol", ["X"], None, ["code-sorter", "code-not-lower-case"]),
    "request_not_accepted": ("error", None, [], None, ["code-sorter", "code-too-few-tokens", "code-not-kebab-case"]),
    "internal error": ("error", None, [], None, ["code-sorter", "code-too-few-tokens", "code-not-kebab-case"]),
    "": ("error", None, [], None, ["code-sorter", "code-too-few-tokens", "code-empty-token"]),
    "w": ("error", None, [], None, ["code-too-few-tokens"]),
    "w..x": ("error", None, [], None, ["code-empty-token"]),
}
NOT_CODES = [
    "E.p.x",
    "e..x",
    "x.p.foo",
    "e",
    "e.p.Foo",
    "e.p.foo-",
    "e.p.-foo",
    "e.p.-",
    "e.p.",
    "",
    " e.p.x",
    "e.p.x\n",
]


@pytest.mark.parametrize("text", READ)
def test_parsed(text: str) -> None:
    code = parse_code(text)
    got = (code.severity, code.scope, list(code.descriptors), code.category, list(code.violations))
    assert got == READ[text]
    assert code.text == text


@pytest.mark.parametrize("text", NOT_CODES)
def test_refused_as_a_bare_code(text: str) -> None:
    with pytest.raises(Unreadable):
        read_code(text)


@pytest.mark.parametrize(
    "text", ["e.p.x", "w.m", "e.p.req.not_enroll", "e.p.msg.https://didcomm.org/routing/2.0/forward"]
)
def test_taken_as_a_bare_code(text: str) -> None:
    assert read_code(text).text == text


def test_key_folds_what_the_world_spells_differently() -> None:
    assert code_key(" E.P.Req.Not_Enroll ") == "e.p.req.not-enroll"


@pytest.mark.parametrize(
    ("warning", "reply", "allowed"),
    [
        ("w.p.msg.bad-lang", "e.p.msg.bad-lang", True),
        ("w.p.msg.bad-lang", "w.p.msg.bad-lang", False),
        ("w.p.msg.bad-lang", "e.m.msg.bad-lang", False),
        ("w.get-pay-details.payment-failed", "e.p.payment-failed", True),
        ("w.get-pay-details.payment-failed", "e.get-pay-details.payment-failed", True),
        ("w.get-pay-details.payment-failed", "e.m.payment-failed", False),
        ("w.m.x", "e.m.x", True),
        ("e.p.x", "e.p.y", False),
    ],
)
def test_reply_to_a_warning(warning: str, reply: str, allowed: bool) -> None:
    assert escalation_allowed(warning, reply) is allowed


@given(
    text=st.text(max_size=50) | st.from_regex(r"[ewEW]\.[a-z._-]{0,20}", fullmatch=True), prefix=st.text(max_size=10)
)
def test_every_text_is_parsed_and_matched(text: str, prefix: str) -> None:
    code = parse_code(text)
    assert code.severity in ("error", "warning")
    tokens, start = code_key(text).split("."), code_key(prefix).split(".")
    assert matches_prefix(text, prefix) is (prefix != "" and tokens[: len(start)] == start)
