"""The code grammar as tables: what is read, what is flagged, what is refused."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.dialects.codes import (
    Consequence,
    Promotion,
    consequence_of_unknown,
    escalation_allowed,
    fold_code,
    matches_prefix,
    parse_code,
    promotion,
    quiet_by_default,
    read_code,
)
from tocsin.connectors.dialects.reading import Unreadable

# code: severity, scope, descriptors, category, violations
READ = {
    "e.p.xfer.cant-use-endpoint": ("error", "protocol", ["xfer", "cant-use-endpoint"], "xfer", []),
    "w.m": ("warning", "message", [], None, ["code-descriptor-missing"]),
    "e.p": ("error", "protocol", [], None, ["code-descriptor-missing"]),
    " e.p.msg ": ("error", "protocol", ["msg"], "trust.crypto", ["code-whitespace"]),
    "e.p.x\n": ("error", "protocol", ["x"], None, ["code-whitespace"]),
    "w.": ("warning", None, [], None, ["code-descriptor-missing", "code-empty-token"]),
    "w. fnord": ("warning", None, [], None, ["code-descriptor-missing", "code-not-kebab-case"]),
    "E. something broke": (
        *("error", None, [], None),
        ["code-sorter", "code-descriptor-missing", "code-not-lower-case", "code-not-kebab-case"],
    ),
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
    "e.m.live-delivery-not-supported": ("error", "message", ["live-delivery-not-supported"], "req", []),
    "e.p.crypto": ("error", "protocol", ["crypto"], "trust.crypto", []),
    "e.p.crypto.replay": ("error", "protocol", ["crypto", "replay"], "trust.crypto", []),
    "e.m.msg": ("error", "message", ["msg"], "msg", []),
    "w.m.me.res.not-enroll.did": ("warning", "message", ["me", "res", "not-enroll", "did"], "req", []),
    "e.p.fo--o": ("error", "protocol", ["fo--o"], None, []),
    "E.P.X": ("error", "protocol", ["X"], None, ["code-sorter", "code-not-lower-case"]),
    "request_not_accepted": ("error", None, [], None, ["code-sorter", "code-too-few-tokens", "code-not-kebab-case"]),
    "internal error": ("error", None, [], None, ["code-sorter", "code-too-few-tokens", "code-not-kebab-case"]),
    "": ("error", None, [], None, ["code-sorter", "code-too-few-tokens", "code-empty-token"]),
    "w": ("error", None, [], None, ["code-too-few-tokens"]),
    "w..x": ("warning", None, [], None, ["code-empty-token"]),
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
    assert fold_code(" E.P.Req.Not_Enroll ") == "e.p.req.not-enroll"


# warning, reply: what is said of the reply
PROMOTIONS = {
    ("w.p.msg.bad-lang", "e.p.msg.bad-lang"): Promotion.ALLOWED,
    ("w.p.msg.bad-lang", "w.p.msg.bad-lang"): Promotion.STILL_A_WARNING,
    ("w.p.msg.bad-lang", "e.m.msg.bad-lang"): Promotion.NARROWER_SCOPE,
    ("w.p.msg.bad-lang", "e.get-pay-details.bad-lang"): Promotion.NARROWER_SCOPE,
    ("w.get-pay-details.payment-failed", "e.p.payment-failed"): Promotion.ALLOWED,
    ("w.get-pay-details.payment-failed", "e.get-pay-details.payment-failed"): Promotion.ALLOWED,
    ("w.get-pay-details.payment-failed", "e.m.payment-failed"): Promotion.NARROWER_SCOPE,
    ("w.m.x", "e.m.x"): Promotion.ALLOWED,
    ("w.m.x", "e.p.quite.another"): Promotion.ALLOWED,
    ("w.msg.bad-lang", "e.m.msg.bad-lang"): Promotion.NARROWER_SCOPE,
    ("w.m.x", "e.msg.bad-lang"): Promotion.ALLOWED,
    ("w.m.x", "e"): Promotion.NO_SCOPE,
    ("w.m.x", "request_not_accepted"): Promotion.NO_SCOPE,
    ("e.p.x", "e.p.y"): Promotion.NOT_A_WARNING,
    ("request_not_accepted", "e.p.y"): Promotion.NOT_A_WARNING,
}


@pytest.mark.parametrize(("pair", "said"), PROMOTIONS.items(), ids=" then ".join)
def test_reply_to_a_warning(pair: tuple[str, str], said: Promotion) -> None:
    assert promotion(*pair) is said
    assert escalation_allowed(*pair) is (said is Promotion.ALLOWED)


UNKNOWN = {
    "w.p.fnord": Consequence.FLOW_CONTINUES,
    "w.anything at all": Consequence.FLOW_CONTINUES,
    " W.P.Fnord": Consequence.FLOW_CONTINUES,
    "w": Consequence.PROTOCOL_ENDS,
    "warning": Consequence.PROTOCOL_ENDS,
    "e.p.fnord": Consequence.PROTOCOL_ENDS,
    "e.m.fnord": Consequence.PROTOCOL_ENDS,
    "request_not_accepted": Consequence.PROTOCOL_ENDS,
    "https://example.org/w.p.x": Consequence.PROTOCOL_ENDS,
    "404": Consequence.PROTOCOL_ENDS,
    "": Consequence.PROTOCOL_ENDS,
}


@pytest.mark.parametrize(("code", "consequence"), UNKNOWN.items())
def test_what_an_unknown_code_does(code: str, consequence: Consequence) -> None:
    assert consequence_of_unknown(code) is consequence


def test_deprecated_version_warnings_are_quiet() -> None:
    assert quiet_by_default("fields_ignored_due_to_version_mismatch")
    assert quiet_by_default("version-with-degraded-features")
    assert not quiet_by_default("version-not-supported")


FOLDER = Path(__file__).parents[4] / "shared" / "vectors"
RULES = {path.stem: json.loads(path.read_text("utf-8")) for path in sorted(FOLDER.glob("rule-*.json"))}


@pytest.mark.skipif(not RULES, reason="the shared vectors are not beside this repository")
@pytest.mark.parametrize("name", RULES)
def test_rules_of_others(name: str) -> None:
    given, expected = RULES[name]["input"], RULES[name]["expect"]
    if "matches_prefix" in expected:
        assert {prefix: matches_prefix(given, prefix) for prefix in expected["matches_prefix"]} == expected[
            "matches_prefix"
        ]
    else:
        allowed = expected.get("escalation_allowed", not expected.get("error"))
        assert escalation_allowed(given["first_report_code"], given["reply_code"]) is allowed


@given(
    text=st.text(max_size=50) | st.from_regex(r"[ewEW]\.[a-z._-]{0,20}", fullmatch=True), prefix=st.text(max_size=10)
)
def test_every_text_is_parsed_and_matched(text: str, prefix: str) -> None:
    code = parse_code(text)
    assert code.severity in ("error", "warning")
    tokens, start = fold_code(text).split("."), fold_code(prefix).split(".")
    assert matches_prefix(text, prefix) is (start != [""] and tokens[: len(start)] == start)


@given(text=st.text(alphabet="ewp.-a0_A /\u017fK\u0130", max_size=24) | st.from_regex(r"[ew](\.[a-z-]{0,3}){1,17}"))
def test_the_rules_of_a_code_are_those_of_its_tokens(text: str) -> None:
    tokens = text.strip().split(".")
    broken = {
        "code-empty-token": "" in tokens,
        "code-hyphen-at-edge": any(token != token.strip("-") for token in tokens),
        "code-not-kebab-case": any(
            token and not re.fullmatch("[a-z0-9]+(-+[a-z0-9]+)*", token.lower().strip("-")) for token in tokens
        ),
        "code-too-many-tokens": len(tokens) > 16,
    }
    violations = parse_code(text).violations
    assert {rule for rule in broken if broken[rule]} == broken.keys() & {*violations}
    assert tokens[0] in ("e", "w") or "code-sorter" in violations
