"""Which entry speaks of a code, and how it was found."""

from __future__ import annotations

import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tocsin.connectors.catalogue import Catalogue, Match
from tocsin.connectors.dialects.codes import MAX_CODE_LENGTH, parse_code

CATALOGUE = Catalogue.load()

# code: (the entry's code, how it is found); None = nothing is known
FOUND = {
    "e.p.trust": ("e.p.trust", Match.EXACT),
    "w.p.trust": ("e.p.trust", Match.DESCRIPTORS),
    "e.get-pay-details.trust": ("e.p.trust", Match.DESCRIPTORS),
    "E.P.Trust ": ("e.p.trust", Match.EXACT),
    "e.p.trustworthy": None,
    "e.p.me.res.storage.full": ("e.p.me.res.storage", Match.PREFIX),
    "w.m.me.res.plutonium": ("e.p.me.res", Match.PREFIX),
    "e.p.crypto.message.dejavu": ("e.p.crypto.message.dejavu", Match.EXACT),
    "e.p.cryto.dejavu": ("e.p.crypto.message.dejavu", Match.ALIAS),
    "e.m.crypto.replay": ("e.p.crypto.message.dejavu", Match.ALIAS),
    "e.p.crypto": ("e.p.trust.crypto", Match.ALIAS),
    "e.p.trust.crypto": ("e.p.trust.crypto", Match.EXACT),
    "e.p.error": ("e.p.me", Match.ALIAS),
    "e.p.req.not_enroll": ("e.p.req.not_enroll", Match.EXACT),
    "e.p.me.res.not-enroll": ("e.p.req.not_enroll", Match.ALIAS),
    "e.m.live-mode-not-supported": ("e.m.live-mode-not-supported", Match.EXACT),
    "e.m.live-delivery-not-supported": ("e.m.live-mode-not-supported", Match.ALIAS),
    "live-mode-not-supported": ("live-mode-not-supported", Match.EXACT),
    "e.p.msg": ("e.p.msg", Match.EXACT),
    "e.m.msg": ("e.m.msg", Match.EXACT),
    "e.p.msg.https://didcomm.org/routing/2.0/forward": ("e.m.msg", Match.PREFIX),
    "w.msg.bad-lang": ("w.p.msg.bad-lang", Match.DESCRIPTORS),
    "w.websocket.duplicate-channel": ("w.websocket.duplicate-channel", Match.EXACT),
    "w.websocket.duplicate-channel.again": ("w.websocket.duplicate-channel", Match.PREFIX),
    "e.did.unsupported_method": ("e.did.method_unsupported", Match.ALIAS),
    "e.p.did.resolution": ("e.p.did", Match.PREFIX),
    "request_not_accepted": ("request_not_accepted", Match.EXACT),
    "Request-Not-Accepted": ("request_not_accepted", Match.EXACT),
    "complete_rejected": ("complete_not_accepted", Match.ALIAS),
    "cant-route-to-agent": ("cant-find-route", Match.ALIAS),
    "RecordsWrite": ("RecordsWrite", Match.EXACT),
    "RecordsWriteDataCidMismatch": ("RecordsWrite", Match.PREFIX),
    "RecordsWriter": None,
    "recordswrite": None,
    "RecordsValidateIntegrityContextIdMismatch": ("RecordsValidateIntegrity", Match.PREFIX),
    "ProtocolAuthorizationActionNotAllowed": ("ProtocolAuthorization", Match.PREFIX),
    "DidResolutionFailed": ("Did", Match.PREFIX),
    "JwsDecodePlainObjectPayloadInvalid": ("GeneralJwsVerifier", Match.PREFIX),
    "UrlSchemaNotNormalizable": ("ParseCid", Match.PREFIX),
    "404": ("404", Match.EXACT),
    "-50409": ("-50409", Match.EXACT),
    "-50404": ("-50404", Match.EXACT),
    "reuse-not-accepted": ("reuse-not-accepted", Match.EXACT),
    "-504": None,
    "https://example.org/errors/ledger-timeout": None,
    "about:blank": None,
    "e.p.fnord": None,
    "e": None,
    "": None,
    ".": None,
    "e.p.trust" + "." * MAX_CODE_LENGTH: None,
}


@pytest.mark.parametrize(("code", "expected"), FOUND.items(), ids=[code[:40] for code in FOUND])
def test_found(code: str, expected: tuple[str, Match] | None) -> None:
    found = CATALOGUE.find(code)
    assert (found and (found.entry.code, found.match)) == expected


@pytest.mark.parametrize("entry", CATALOGUE.entries, ids=lambda entry: entry.code)
def test_every_entry_is_found_by_each_of_its_spellings(entry: object) -> None:
    for place, code in enumerate((entry.code, *entry.aliases)):  # type: ignore[attr-defined]
        found = CATALOGUE.find(code, next(iter(CATALOGUE.sources[entry.file].protocols), None))  # type: ignore[attr-defined]
        assert found is not None
        assert (found.entry, found.match is Match.ALIAS) == (entry, place > 0)


@given(
    st.text(max_size=60)
    | st.from_regex(r"[ew]\.[pm](\.(me|res|msg|trust|crypto|[a-z_-]{1,5})){0,5}", fullmatch=True)
    | st.from_regex(r"(Records|Write|Did|Jws|[A-Z][a-z0-9]?){0,6}", fullmatch=True)
)
def test_any_text_may_be_asked_for(code: str) -> None:
    found = CATALOGUE.find(code)
    if found and found.entry.category and parse_code(code).descriptors:
        more = CATALOGUE.find(f"{code}.in-detail")
        assert more is not None, "what is more special is never less known"


def test_texts_come_in_the_wanted_language() -> None:
    german = CATALOGUE.texts("e.p.me.res.storage.full", ["gd", "de-CH"])
    assert german is not None
    assert (german.language, german.title) == ("de", "Datenspeicher voll oder nicht erreichbar")
    assert all((german.explanation, german.fixer, german.retry, german.fix_hint))
    english = CATALOGUE.texts("e.p.me.res.storage", ["gd"])
    assert english is not None
    assert english.language == "en"
    assert CATALOGUE.texts("e.p.fnord", ["de"]) is None


def test_the_light_install_finds_codes_and_english_texts() -> None:
    code = (
        "import sys\n"
        "from tocsin.connectors.catalogue import Catalogue, lint\n"
        "print(Catalogue.load().texts('e.p.msg').language, len(lint()))\n"
        "extras = {'aiohttp', 'fastapi', 'starlette', 'pydantic', 'prometheus_client', 'faust', 'ruamel'}\n"
        "print(extras & set(sys.modules))"
    )
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert shown.split("\n")[:2] == ["en 0", "set()"]


ISSUE = "https://didcomm.org/issue-credential/2.0/problem-report"
IN_PROTOCOL: dict[str, tuple[str, str | None, str | None, str | None]] = {
    "of the protocol that has it": ("abandoned", "https://didcomm.org/present-proof/2.0", None, "abandoned"),
    "of another protocol": ("abandoned", ISSUE, None, "issuance-abandoned"),
    "of a protocol that has no such code": ("verify_error", ISSUE, None, None),
    "by the protocol's name": ("abandoned", "issue_credential", None, "issuance-abandoned"),
    "by the old prefix": (
        "abandoned",
        "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/issue-credential/1.0",
        None,
        "issuance-abandoned",
    ),
    "a protocol of which there is no source": ("abandoned", "https://didcomm.org/basicmessage/2.0", None, "abandoned"),
    "a code of no protocol": ("e.p.trust", ISSUE, None, "e.p.trust"),
    "no protocol": ("abandoned", None, None, "abandoned"),
    "a protocol that only reports": (
        "abandoned",
        "https://didcomm.org/report-problem/1.0/problem-report",
        None,
        "abandoned",
    ),
    "a catalogue of ours": ("abandoned", None, "https://didcomm.org/issue-credential/2.0/codes", "issuance-abandoned"),
    "a foreign catalogue with the very code": (
        "cant-find-route",
        None,
        "did:sov:x;spec/error-codes/123",
        "cant-find-route",
    ),
    "a foreign catalogue with something like it": ("cant-find-route.at-all", None, "did:sov:x;spec/error-codes", None),
}


@pytest.mark.parametrize(("code", "protocol", "named", "expected"), IN_PROTOCOL.values(), ids=IN_PROTOCOL)
def test_found_in_a_protocol(code: str, protocol: str | None, named: str | None, expected: str | None) -> None:
    found = CATALOGUE.find(code, protocol, named)
    assert (found and found.entry.code) == expected


@pytest.mark.parametrize(
    ("protocol", "title"),
    [
        (None, "Interaction abandoned"),
        ("https://didcomm.org/report-problem/1.0/problem-report", "Interaction abandoned"),
        ("https://didcomm.org/basicmessage/2.0", "Interaction abandoned"),
        ("https://didcomm.org/present-proof/2.0", "Presentation abandoned"),
        (ISSUE, "Issuance abandoned"),
    ],
)
def test_a_code_of_several_protocols_is_told_as_that_of_none_where_nobody_knows_which(
    protocol: str | None, title: str
) -> None:
    found = CATALOGUE.find("abandoned", protocol)
    assert found is not None
    assert found.entry.texts["en"].title == title


EXAMPLES = (
    "insufficient-funds", "Insufficient_Funds", "payment-mechanism-offline", "credential-revoked", "terms-not-accepted",
    "terms-of-service-violated", "too-much-information-requested", "too-much-information-given",
)  # fmt: skip


@pytest.mark.parametrize("code", EXAMPLES)
def test_the_examples_of_the_specifications_are_there(code: str) -> None:
    assert CATALOGUE.find(code) is not None
