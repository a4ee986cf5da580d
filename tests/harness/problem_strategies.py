"""hypothesis strategies for problems: of every kind, and of the kind that one dialect can carry whole."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st
from msgspec.structs import replace

from tocsin.connectors.dialects.answers import split_detail
from tocsin.connectors.dialects.canonical import complete
from tocsin.connectors.dialects.context import USUAL
from tocsin.connectors.dialects.json_text import json_text
from tocsin.connectors.dialects.members import fold
from tocsin.schemas.problem import Http, Item, Problem, RetryParty, Severity, Source, Violation

texts = st.text(min_size=1, max_size=30)
ids = st.text(min_size=1, max_size=40)
naming_ids = ids.filter(lambda ident: any(letter.isalnum() for letter in ident))
tokens = st.from_regex(r"[a-z][a-z0-9]{0,5}(-[a-z0-9]{1,4})?", fullmatch=True)
known_descriptors = st.sampled_from(["trust.crypto", "me.res.storage", "xfer", "msg", "req.time", "legal"])
v2_codes = st.builds(
    lambda sorter, scope, rest: f"{sorter}.{scope}.{rest}",
    st.sampled_from("ew"),
    st.sampled_from(["p", "m", "get-pay-details"]),
    known_descriptors | tokens | st.builds("{}.{}".format, known_descriptors, tokens),
)
v1_codes = v2_codes | st.sampled_from(["cant-find-route", "request_not_accepted", "issuance-abandoned", "1001"])
uris = st.sampled_from(["https://status.example/x?y=1", "mailto:desk@example.org", "did:example:1#a", "urn:uuid:1"])
languages = st.sampled_from(["en", "de", "fr-CA", "ko", "pt-BR"])
by_language = st.dictionaries(languages, texts, max_size=3)
json_values = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats(allow_nan=False, allow_infinity=False)
    | texts,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3),
    max_leaves=5,
)
moments = st.integers(0, 4_000_000_000_000).map(lambda milliseconds: milliseconds * 1000)


def maybe(strategy: st.SearchStrategy[Any]) -> st.SearchStrategy[Any]:
    return st.none() | strategy


def extensions_of(names: st.SearchStrategy[str]) -> st.SearchStrategy[dict[str, str]]:
    return st.dictionaries(names, json_values.map(json_text), max_size=3)


https = st.builds(
    Http,
    type=maybe(texts | uris),
    title=maybe(texts),
    status=maybe(st.integers(100, 599)),
    detail=maybe(texts),
    instance=maybe(texts | uris),
)
sources = st.builds(
    Source, service=maybe(texts), wallet=maybe(texts), sender=maybe(texts), recipients=st.lists(texts, max_size=2)
)
items = st.lists(st.builds(Item, key=maybe(texts), value=st.text(max_size=10)), max_size=3)

problems: st.SearchStrategy[Problem] = st.builds(
    Problem,
    dialect=st.just("canonical"),
    code=v1_codes | texts | st.sampled_from([" e.p.msg ", "e.p"]),
    severity=st.sampled_from(Severity),
    violations=st.lists(st.builds(Violation, rule=texts, pointer=texts), max_size=1),
    scope=maybe(st.sampled_from(["message", "protocol", "thread", "connection", "state:x"])),
    impact=maybe(texts),
    category=maybe(st.sampled_from(["trust.crypto", "me", "req"])),
    message_id=maybe(ids),
    message_type=maybe(texts | st.just("https://didcomm.org/present-proof/2.0/problem-report")),
    thread_id=maybe(ids),
    parent_thread_id=maybe(ids),
    ack=st.lists(ids, max_size=2),
    text_template=maybe(texts),
    args=st.lists(st.text(max_size=8), max_size=3),
    text=maybe(texts),
    localized=by_language | st.dictionaries(texts, texts, max_size=2),
    items=items,
    who_retries=maybe(texts),
    retry_party=st.sampled_from(RetryParty),
    fix_hint=by_language | st.dictionaries(texts, texts, max_size=2),
    where_party=maybe(st.sampled_from(["you", "me", "other", "he"])),
    where_place=maybe(texts),
    noticed_at=maybe(st.integers(-(2**63), 2**63 - 1)),
    time_source=maybe(texts),
    tracking_uri=maybe(uris | texts | st.just("desk@example.org")),
    escalation_uri=maybe(uris | texts | st.just("desk@example.org")),
    http=maybe(https),
    request_completed=maybe(st.booleans()),
    outcome_ok=maybe(st.booleans()),
    source=sources,
    request_id=maybe(texts),
    message_sha256=maybe(texts),
    extensions=extensions_of(texts),
).map(complete)
"""Any problem at all, as our own publishers may send it."""


def _built(**fields: st.SearchStrategy[Any]) -> st.SearchStrategy[Problem]:
    return st.builds(Problem, **fields)


_v1 = {
    "code": v1_codes,
    "message_id": naming_ids,
    "thread_id": naming_ids,
    "parent_thread_id": maybe(naming_ids),
    "items": st.lists(st.builds(Item, key=texts, value=st.text(max_size=10)), max_size=3),
    "retry_party": st.sampled_from(RetryParty),
    "fix_hint": by_language,
    "impact": maybe(st.sampled_from(["message", "thread", "connection"])),
    "noticed_at": maybe(moments),
    "tracking_uri": maybe(uris),
    "escalation_uri": maybe(uris),
}


def _with_text(problem_and_place: tuple[Problem, str | None, dict[str, str], str | None]) -> Problem:
    """A v1 problem shows the English text, or the first; a plain one only where there is none of a stated language."""
    problem, place, localized, plain = problem_and_place
    shown = localized.get("en") or next(iter(localized.values()), plain)
    party = "me" if place else None
    return replace(problem, localized=localized, text=shown, where_party=party, where_place=place)


def _v1_problems(dialect: str, plain: st.SearchStrategy[str | None]) -> st.SearchStrategy[Problem]:
    places = maybe(st.sampled_from(["cloud", "edge", "wire", "the agency of x"]))
    parts = st.tuples(_built(dialect=st.just(dialect), **_v1), places, by_language, plain)
    return parts.map(_with_text)


def _rfc9457(http: Http, extensions: dict[str, str]) -> Problem:
    return Problem(
        dialect="rfc9457",
        code=http.type or "about:blank",
        text=http.detail or http.title,
        http=http,
        extensions=extensions,
    )


def _dwn(status: int, symbol: str | None, message: str) -> Problem:
    text = f"{symbol}: {message}" if symbol else message
    return Problem(dialect="dwn-status", code=symbol or str(status), text=text, http=Http(status=status))


def _jsonrpc(code: int, text: str, ident: str | int | None, data: object) -> Problem:
    kept = {"id": json_text(ident)} | ({} if data is None else {"error.data": json_text(data)})
    return Problem(dialect="jsonrpc", code=str(code), text=text, extensions=kept)


_TAKEN = {fold(name) for name in ("type", "title", "status", "detail", "instance", *USUAL)}
_own_names = texts.filter(lambda name: fold(name) not in _TAKEN)
"""Of members that say nothing of the context: `correlationId` has to be an id."""

CARRIED: dict[str, tuple[st.SearchStrategy[Problem], tuple[str, ...]]] = {
    "canonical": (problems, Problem.__struct_fields__),
    "rfc9457": (
        st.builds(
            _rfc9457,
            st.builds(
                Http,
                type=maybe(uris),
                title=maybe(texts),
                status=maybe(st.integers(400, 599)),
                detail=maybe(texts),
                instance=maybe(uris),
            ),
            extensions_of(_own_names),
        ),
        ("code", "text", "http", "extensions"),
    ),
    "didcomm-2.0": (
        _built(
            dialect=st.just("canonical"),
            code=v2_codes,
            parent_thread_id=naming_ids,
            ack=st.lists(ids, max_size=2),
            text_template=texts,
            args=st.lists(st.text(max_size=8), max_size=3),
            escalation_uri=maybe(uris),
        ).map(complete),
        (
            *("code", "code_key", "severity", "scope", "category", "parent_thread_id", "ack", "text_template", "args"),
            *("text", "escalation_uri"),
        ),
    ),
    "aries-1.0": (
        _v1_problems("aries-1.0", maybe(texts)),
        (*_v1, "text", "localized", "where_party", "where_place"),
    ),
    "hipe": (_v1_problems("hipe", texts), (*_v1, "text", "localized", "where_party", "where_place")),
    "jsonrpc": (
        st.builds(_jsonrpc, st.integers(-50999, -32000), texts, maybe(texts | st.integers(0, 2**53)), json_values),
        ("code", "text", "extensions"),
    ),
    "dwn-status": (
        st.builds(
            _dwn,
            st.integers(400, 599),
            maybe(st.sampled_from(["RecordsWriteMissingData", "GeneralJwsVerifierInvalidSignature"])),
            texts.filter(lambda message: split_detail(message) == (None, None)),
        ),
        ("code", "text", "http"),
    ),
}
"""Dialect -> problems that it can carry, and the fields of which nothing may be lost on the way."""


def as_sent(document: dict[str, object]) -> dict[str, object]:
    """The document with what only its sender can add: a message's id."""
    if "body" in document:
        return {"id": "sent-1"} | document
    return {"@id": "sent-1"} | document if "@type" in document else document
