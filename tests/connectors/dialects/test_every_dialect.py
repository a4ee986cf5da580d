"""What holds for each dialect of the table, and that none is forgotten."""

from __future__ import annotations

import pkgutil

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.harness.smallest_documents import SMALLEST
from tocsin.connectors import dialects
from tocsin.connectors.dialects import (
    AUTO,
    DIALECT_OF_MEDIA_TYPE,
    DIALECTS,
    NotAProblem,
    Unreadable,
    Unwritable,
    detect,
    load_dialect,
    read_document,
    read_parsed,
    write_document,
)
from tocsin.connectors.dialects.members import FOLDED, MAX_KEPT_NAMES, fold
from tocsin.connectors.dialects.table import ALIASES, FIXED_TEXT, FREE_TEXT, ORDER, READ_ONLY, WRITTEN
from tocsin.schemas.problem import Problem

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
names = st.sampled_from(
    [
        *Problem.__struct_fields__,
        *("type", "title", "status", "detail", "instance", "body", "comment", "args", "id", "thid", "pthid", "ack"),
        *("to", "from", "lang", "created_time", "escalate_to", "escalateTo", "errors", "typ", "walletId"),
        *("@type", "@id", "~thread", "@thread", "~l10n", "@msg_catalog", "description", "description~l10n", "explain"),
        *("friendly-ltxt", "explain_ltxt", "problem-code", "problem_items", "who-retries", "fixHint", "fix-hint-ltxt"),
        *("impact", "where", "noticed_time", "time-noticed", "tracking_uri", "escalation-uri", "~i10n", "en", "locale"),
        *("jsonrpc", "id", "error", "result", "data", "reply", "message", "method"),
        *("timestamp", "problem", "hops", "event_id", "case", "tenant", "overflow"),
    ]
)
kinds = st.sampled_from(
    [
        *("https://didcomm.org/report-problem/2.0/problem-report", "e.p.x", "about:blank", "you", "MESSAGE", "me - x"),
        *("https://didcomm.org/connections/1.0/problem_report", "2019-05-27 18:23:06Z", "2.0", "a@b.c", 404, -50400),
        "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/notification/1.0/problem-report",
    ]
)
documents = st.dictionaries(
    names, json_values | kinds | st.dictionaries(names, json_values | kinds, max_size=6), max_size=10
)


def test_no_dialect_is_forgotten() -> None:
    assert SMALLEST.keys() == DIALECTS.keys() - {"text"}
    modules = {module.name for module in pkgutil.iter_modules(dialects.__path__, f"{dialects.__name__}.")}
    readers = {name for name in modules if hasattr(__import__(name, fromlist=["read"]), "read")}
    assert readers == set(DIALECTS.values())


def test_for_each_dialect_it_is_said_whether_peers_may_be_told_its_text() -> None:
    assert DIALECTS.keys() == FREE_TEXT | FIXED_TEXT
    assert not FREE_TEXT & FIXED_TEXT


def test_aliases_and_media_types_name_dialects_of_the_table() -> None:
    assert set(ALIASES.values()) <= DIALECTS.keys()
    assert set(DIALECT_OF_MEDIA_TYPE.values()) <= DIALECTS.keys()


@pytest.mark.parametrize("name", SMALLEST)
def test_the_smallest_document_is_read_and_detected(name: str) -> None:
    problem = read_parsed(SMALLEST[name])
    assert isinstance(problem, Problem)
    assert problem.dialect == name == load_dialect(name).NAME
    assert problem == load_dialect(name).read(SMALLEST[name])


@pytest.mark.parametrize("name", SMALLEST)
def test_nobody_is_asked_after_one_that_reads(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []
    for later in ORDER[ORDER.index(name) + 1 :]:
        monkeypatch.setattr(load_dialect(later), "looks_like", lambda document, later=later: asked.append(later))
    assert isinstance(read_parsed(SMALLEST[name]), Problem)
    assert asked == []


def test_names_of_strangers_are_not_kept_for_ever() -> None:
    for number in range(10_000):
        assert fold(f"Member_{number}") == f"member{number}"
    long = "X-" * 100
    assert fold(long) == "x" * 100
    assert len(FOLDED) <= MAX_KEPT_NAMES
    assert long not in FOLDED


@pytest.mark.parametrize("name", [AUTO, *DIALECTS])
@given(document=documents | json_values)
def test_any_document_gives_a_problem_or_unreadable(name: str, document: object) -> None:
    try:
        problem = read_parsed(document, name)
    except Unreadable:
        return
    assert isinstance(problem, NotAProblem) or problem.code or problem.text


@pytest.mark.parametrize("name", [name for name in SMALLEST if name != "rfc9457"])
@given(document=documents | json_values)
def test_a_problem_that_a_named_dialect_reads_is_not_refused_when_none_is_named(name: str, document: object) -> None:
    try:
        found = load_dialect(name).read(document)
    except Unreadable:
        return
    if isinstance(found, Problem):
        read_parsed(document)


def test_what_has_the_shape_of_a_report_and_is_none_is_refused_not_taken_as_a_success() -> None:
    document = {"result": "done", "friendly-ltxt": None}
    assert not isinstance(load_dialect("jsonrpc").read(document), Problem)
    with pytest.raises(Unreadable) as refusal:
        read_parsed(document)
    assert refusal.value.pointer == "/friendly-ltxt"


@pytest.mark.parametrize("name", DIALECTS)
@given(document=documents)
def test_what_is_written_is_read_back_as_the_same_dialect(name: str, document: dict[str, object]) -> None:
    try:
        problem = read_parsed(document)
        written = load_dialect(name).write(problem) if isinstance(problem, Problem) else None
    except (Unreadable, Unwritable):
        return
    if written is not None:
        assert isinstance(load_dialect(name).read(written), Problem)
        assert name == "rfc9457" or detect(written) == name


def test_what_is_only_read_cannot_be_written_and_the_others_can() -> None:
    problem = Problem(dialect="canonical", code="e.p.x", code_key="e.p.x", text="x", parent_thread_id="t")
    for name in READ_ONLY:
        with pytest.raises(Unwritable):
            load_dialect(name).write(problem)
    assert all(load_dialect(name).write(problem) for name in WRITTEN)


@given(raw=st.binary(max_size=100))
def test_any_bytes_give_a_problem_or_unreadable(raw: bytes) -> None:
    for name in (AUTO, *DIALECTS):
        try:
            read_document(raw, name)
        except Unreadable:
            continue


def test_an_unknown_dialect_is_named_as_such_before_the_document_is_read() -> None:
    with pytest.raises(Unreadable, match="one of auto, canonical"):
        read_document(b"not json", "morse")


def test_the_media_type_wins_over_the_shape() -> None:
    problem = read_document(b'{"code": "e.p.x"}', media_type="application/problem+json")
    assert isinstance(problem, Problem)
    assert problem.dialect == "rfc9457"


KEPT = ("@msg_catalog", "~l10n", "error.data", "id", "trace", "type", "status.code")
"""Extensions that writers look at, and others."""


@pytest.mark.parametrize("dialect", DIALECTS)
@given(
    came_as=st.sampled_from(list(DIALECTS)),
    extensions=st.dictionaries(
        st.sampled_from(KEPT) | st.text(max_size=8),
        st.text(max_size=30)
        | st.sampled_from(["[" * 100_000, "did:x", "", "NaN", '{"a":1,"a":2}', '"\\ud800"', "\ud800"]),
        max_size=4,
    ),
)
def test_whatever_a_publisher_puts_into_extensions_it_is_written_or_unwritable(
    dialect: str, came_as: str, extensions: dict[str, str]
) -> None:
    problem = Problem(dialect=came_as, code="e.p.xfer", text="t", thread_id="t", extensions=extensions)
    try:
        document = write_document(problem, dialect)
    except Unwritable:
        return
    assert isinstance(document, dict)


@pytest.mark.parametrize(
    ("text", "written"),
    [('{"a":1}', {"a": 1}), ("null", None), ("did:x", "did:x"), ("", ""), ("\ud800", "?")],
    ids=["JSON", "null", "no JSON", "empty", "no UTF-8"],
)
def test_an_extension_of_a_problem_document_that_is_no_json_goes_out_as_its_text(text: str, written: object) -> None:
    problem = Problem(dialect="rfc9457", code="about:blank", extensions={"more": text})
    assert write_document(problem, "rfc9457")["more"] == written
