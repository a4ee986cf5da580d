"""Documents that do everything slightly differently: rules of mutation over a whole document of each dialect, and over
the shared vectors. Each is read told and detected, and judged by the specification: what a member's change may touch is
what that member says (SAYS); everything else is understood as before.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.connectors.dialects.test_vectors import DOCUMENTS, VECTORS
from tocsin.connectors.dialects import AUTO, NotAProblem, Unreadable, read_parsed
from tocsin.connectors.dialects.facts import document_facts

TYPE_1 = "https://didcomm.org/report-problem/1.0/problem-report"
TYPE_2 = "https://didcomm.org/report-problem/2.0/problem-report"
TIME = "2019-05-27T18:23:06Z"
BASE: dict[str, dict[str, Any]] = {
    "aries-1.0": {
        "@type": TYPE_1, "@id": "m-1", "~thread": {"thid": "t-1", "pthid": "p-1"},
        "description": {"code": "cant-find-route", "en": "no route"}, "problem_items": [{"recipient": "did:a"}],
        "who_retries": "you", "fix_hint": {"en": "try"}, "impact": "thread", "where": "me - cloud",
        "noticed_time": TIME, "tracking_uri": "https://t.example", "escalation_uri": "mailto:a@b.c",
    },
    "hipe": {
        "@type": "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/notification/1.0/problem-report", "@id": "m-1",
        "@thread": {"thid": "t-1", "pthid": "p-1"}, "@msg_catalog": "did:sov:x;spec/codes",
        "friendly-ltxt": {"code": "cant-find-route", "en": "no route"}, "problem-items": [{"recipient": "did:a"}],
        "who-retries": "you", "fix-hint-ltxt": {"en": "try"}, "impact": "thread", "where": "me - cloud",
        "time-noticed": TIME, "tracking-uri": "https://t.example", "escalation-uri": "mailto:a@b.c",
    },
    "didcomm-2.0": {
        "type": TYPE_2, "id": "m-1", "thid": "t-1", "pthid": "p-1", "from": "did:a", "to": ["did:b"],
        "created_time": 1558981386, "ack": ["a-1"], "lang": "en",
        "body": {"code": "e.p.xfer.x", "comment": "no {1}", "args": ["route"], "escalate_to": "mailto:a@b.c"},
    },
    "rfc9457": {
        "type": "https://e.example/out", "title": "Out", "status": 403, "detail": "of credit", "instance": "/i",
    },
    "jsonrpc": {"jsonrpc": "2.0", "id": "i-1", "error": {"code": -50409, "message": "Conflict", "data": {"a": "b"}}},
    "dwn-status": {"status": {"code": 404, "detail": "Not Found"}, "entries": []},
}  # fmt: skip

TEXTS = {"code", "text", "severity", "localized", "category", "descriptors", "scope"}
_V1 = {
    "@type": {"message_type"}, "@id": {"message_id"}, "thread": {"thread_id", "parent_thread_id"}, "description": TEXTS,
    "friendly-ltxt": TEXTS, "problem-items": {"problem_items"}, "who-retries": {"who_retries", "retry_party"},
    "fix-hint": {"fix_hint"}, "fix-hint-ltxt": {"fix_hint"}, "impact": {"impact", "scope"}, "where": {"where"},
    "noticed-time": {"created_time"}, "time-noticed": {"created_time"}, "tracking-uri": {"tracking_uri"},
    "escalation-uri": {"escalation_uri"}, "@msg_catalog": set[str](),
}  # fmt: skip
SAYS: dict[str, dict[str, set[str]]] = {
    "aries-1.0": _V1, "hipe": _V1,
    "didcomm-2.0": {
        "type": {"message_type"}, "id": {"message_id"}, "thid": {"thread_id"}, "pthid": {"parent_thread_id"},
        "from": {"from"}, "to": {"to"}, "created_time": {"created_time"}, "ack": {"ack"}, "lang": {"localized"},
    },
    "rfc9457": {
        "type": {"type", "code", "code_key"}, "title": {"title"}, "status": {"status", "status_valid"},
        "detail": {"detail", "text"}, "instance": {"instance"},
    },
    "jsonrpc": {"jsonrpc": set(), "id": {"rpc_id"}}, "dwn-status": {"entries": set()},
}  # fmt: skip
"""Dialect -> member, in the dialect's kebab spelling -> the facts that it says."""
ASIDE = {"context", "conformant", "violations", "extensions", "dialect", "code_key", "namespace", "error_name"}
"""Facts about the document, not about the problem."""
REQUIRED = {
    "aries-1.0": {"description"}, "hipe": {"friendly-ltxt"}, "didcomm-2.0": {"body"}, "rfc9457": set(),
    "jsonrpc": {"error"}, "dwn-status": {"status"},
}  # fmt: skip
"""Members without which there is no problem: the document is refused, told or not."""
FLAGGED_WHEN_MISSING = {"@type", "type", "id", "pthid"}
WRONG: dict[str, list[object]] = {
    "text": [5, True, ["x"], {"x": 1}],
    "list": [5, {"x": 1}, [5]],
    "object": [5, "x", ["x"]],
    "number": ["x", True, ["x"], {"x": 1}, -1],
}
"""The type that a member should have -> values of other types."""


def kebab(name: str) -> str:
    """A member's name as it stands in SAYS."""
    plain = {"@thread": "thread", "~thread": "thread"}.get(name, name)
    return plain if plain in ("created_time", "@msg_catalog") else plain.replace("_", "-")


def says(dialect: str, member: str) -> set[str]:
    return SAYS[dialect].get(kebab(member), set())


def facts(document: object, dialect: str) -> dict[str, Any]:
    return document_facts(json.dumps(document).encode(), dialect)


def read_both(document: object, dialect: str) -> Iterator[dict[str, Any]]:
    """What is understood, told and detected; that nobody says the dialect changes nothing but what may be refused."""
    told = facts(document, dialect)
    yield told
    detected = facts(document, AUTO)
    assert detected["dialect"] == dialect
    assert detected == told


def context_but(found: dict[str, Any], touched: set[str]) -> dict[str, Any]:
    """What the problem is about, as far as untouched members say it."""
    said = {"sender": "from", "recipients": "to", "request_id": "rpc_id"}
    return {name: value for name, value in found.get("context", {}).items() if said.get(name, name) not in touched}


def same(found: dict[str, Any], dialect: str, touched: set[str]) -> None:
    """All that the untouched members say is understood as before."""
    before = facts(BASE[dialect], dialect)
    kept = before.keys() - ASIDE - touched
    assert {name: found[name] for name in kept} == {name: before[name] for name in kept}
    assert context_but(found, touched) == context_but(before, touched)


def members(*, but: dict[str, set[str]] | None = None) -> list[Any]:
    """(dialect, member) for each member of each base, but for some."""
    return [
        pytest.param(dialect, member, id=f"{dialect}: {member}")
        for dialect, document in BASE.items()
        for member in document
        if kebab(member) not in (but or {}).get(dialect, set())
    ]


@pytest.mark.parametrize("dialect", BASE)
def test_the_documents_themselves(dialect: str) -> None:
    for found in read_both(BASE[dialect], dialect):
        assert found["is_problem"]
        assert found.get("violations", []) == []


@pytest.mark.parametrize(("dialect", "member"), members(but=REQUIRED))
@pytest.mark.parametrize("empty", [False, True], ids=["dropped", "null"])
def test_a_member_that_is_not_there(dialect: str, member: str, empty: bool) -> None:
    document = {name: value for name, value in BASE[dialect].items() if name != member}
    if empty:
        document[member] = None
    # A thread that is not named is the message's own; without an id it is the thread's that is not known.
    more = {"message_id", "thread_id"} if member in ("@id", "id") else set[str]()
    if dialect == "didcomm-2.0" and member == "type":
        found = facts(document, dialect)
        same(found, dialect, {"message_type"})
        return
    for found in read_both(document, dialect):
        same(found, dialect, says(dialect, member) | (more if dialect != "jsonrpc" else set()))
        if member in FLAGGED_WHEN_MISSING and dialect != "rfc9457" and "conformant" in found and dialect != "jsonrpc":
            assert not found["conformant"] or member == "@id"


@pytest.mark.parametrize(("dialect", "member"), [(name, next(iter(REQUIRED[name]))) for name in BASE if REQUIRED[name]])
def test_without_what_makes_it_a_problem_it_is_none(dialect: str, member: str) -> None:
    document = {name: value for name, value in BASE[dialect].items() if name != member}
    for told in (dialect, AUTO):
        try:
            assert isinstance(read_parsed(document, told), NotAProblem)
        except Unreadable as refusal:
            assert refusal.pointer or refusal.expected  # noqa: PT017 - either ending is right


def spellings(name: str) -> set[str]:
    """A name of several words in camel, Pascal, snake and kebab case, and in capitals."""
    mark, words = ("@" if name.startswith("@") else ""), re.split(r"[-_]", name.lstrip("@"))
    camel = words[0] + "".join(word.title() for word in words[1:])
    return {mark + each for each in (camel, camel[0].upper() + camel[1:], "_".join(words), "-".join(words))} | {
        mark + "_".join(words).upper()
    }


RESPELT = [
    pytest.param(dialect, member, other, id=f"{dialect}: {other}")
    for dialect in ("aries-1.0", "hipe", "didcomm-2.0")
    for member in BASE[dialect]
    if re.search(r"[a-z][-_][a-z]", member) and member != "@msg_catalog"
    for other in sorted(spellings(member) - {member})
]


@pytest.mark.parametrize(("dialect", "member", "other"), RESPELT)
def test_another_spelling_says_the_same_and_is_flagged(dialect: str, member: str, other: str) -> None:
    document = {other if name == member else name: value for name, value in BASE[dialect].items()}
    for found in read_both(document, dialect):
        same(found, dialect, set())
        own = dialect == "hipe" and other in ("friendly_ltxt", "escalation_uri")
        assert [each["pointer"] for each in found["violations"]] == ([] if own else [f"/{other}"])


WRAPPINGS: dict[str, Callable[[dict[str, Any]], object]] = {
    "in data": lambda document: {"data": document},
    "in a problem": lambda document: {"problem": document},
    "in an event": lambda document: {"type": "ProblemHappened", "data": document},
    "in a list": lambda document: [document],
    "as text": json.dumps,
    "as text within": lambda document: {"message": json.dumps(document)},
}


@pytest.mark.parametrize("wrapping", WRAPPINGS)
@pytest.mark.parametrize("dialect", BASE)
def test_what_wraps_a_problem_is_no_problem_of_that_dialect(dialect: str, wrapping: str) -> None:
    wrapped = WRAPPINGS[wrapping](BASE[dialect])
    try:
        found = read_parsed(wrapped)
    except Unreadable:
        return
    assert isinstance(found, NotAProblem)


def kind_of(value: object) -> str:
    kinds: dict[type, str] = {str: "text", list: "list", dict: "object"}
    return kinds.get(type(value), "number")


WRONG_TYPES = [
    pytest.param(dialect, member, value, id=f"{dialect}: {member} {json.dumps(value)}")
    for dialect, document in BASE.items()
    for member, right in document.items()
    if kebab(member) not in REQUIRED[dialect] and member not in ("entries", "@msg_catalog", "id")
    for value in WRONG[kind_of(right)]
]


@pytest.mark.parametrize(("dialect", "member", "value"), WRONG_TYPES)
def test_a_wrong_type_loses_only_its_own_member(dialect: str, member: str, value: object) -> None:
    document = BASE[dialect] | {member: value}
    touched = says(dialect, member) | ({"localized"} if member == "lang" else set())
    found = facts(document, dialect)
    same(found, dialect, touched)
    in_use = says(dialect, member) == {"fix_hint"} and isinstance(value, str)  # a text in no stated language
    assert found.get("conformant", False) is in_use
    if dialect == "didcomm-2.0" and member == "type":
        return  # nothing says any more that it is a report; detected, it may be refused
    detected = facts(document, AUTO)
    same(detected, dialect, touched)


TIMES = {
    "2019-05-27T18:23:06Z": True,
    "2019-05-27 18:23:06Z": True,
    "2019-05-27T18:23:06.000Z": True,
    "2019-05-27T18:23:06+00:00": True,
    "20190527T182306Z": True,
    "2019-05-27T20:23:06+02:00": False,
    "2019-05-27T18:23:06": False,
    "2019-05-27t18:23:06z": False,
    "2019-05-27 18:23:06 UTC": False,
    "2019-05-27T18:23:06UTC": False,
    "1558981386": False,
    "1558981386000": False,
    " 1558981386 ": False,
    1558981386: False,
    1558981386000: False,
}
"""Forms of one moment, and whether DIDComm v1 (ISO 8601, in UTC) allows them; v2 allows only seconds as a number."""


@pytest.mark.parametrize("said", TIMES, ids=repr)
@pytest.mark.parametrize("dialect", ["aries-1.0", "hipe", "didcomm-2.0"])
def test_the_forms_of_a_time(dialect: str, said: str | float) -> None:
    member = {"aries-1.0": "noticed_time", "hipe": "time-noticed", "didcomm-2.0": "created_time"}[dialect]
    for found in read_both(BASE[dialect] | {member: said}, dialect):
        same(found, dialect, set())
        right = TIMES[said] if dialect != "didcomm-2.0" else isinstance(said, int | float) and said < 10**11
        assert found["conformant"] is right


NAMED = [
    name for name in DOCUMENTS if isinstance(VECTORS[name]["input"], dict) and "error" not in VECTORS[name]["expect"]
]


@pytest.mark.parametrize("rule", ["unknown members", "null members", "in data"])
@pytest.mark.parametrize("name", NAMED)
def test_the_vectors_mutated(name: str, rule: str) -> None:
    vector = VECTORS[name]
    document, dialect = dict(vector["input"]), vector["dialect"]
    if rule == "in data":
        try:
            assert isinstance(read_parsed({"data": document}), NotAProblem)
        except Unreadable:
            return
        return
    document |= {"x-more": {"a": 1}} if rule == "unknown members" else {"x-none": None}
    # Only the body of a report has no room for members that nobody knows: then it is not detected as one of v2.
    for told in (dialect, *(() if vector["input_form"] == "body" else (AUTO,))):
        found, before = facts(document, told), facts(vector["input"], told)
        kept = before.keys() - {"extensions"}
        assert {fact: found[fact] for fact in kept} == {fact: before[fact] for fact in kept}


def test_there_are_enough_of_them() -> None:
    own = 2 * len(members(but=REQUIRED)) + len(RESPELT) + len(BASE) * len(WRAPPINGS) + len(WRONG_TYPES) + 3 * len(TIMES)
    assert own >= 200
