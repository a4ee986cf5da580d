"""RFC 0035 reports beyond the shared vectors: every form of text, items and names in use, flags, refusals, writing."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.connectors.dialects import NotAProblem, Unreadable, Unwritable, aries, detect
from tocsin.schemas.problem import Item, Problem, RetryParty, Severity

TYPE = aries.MESSAGE_TYPE
RFC_SAMPLE = {
    "@type": "https://didcomm.org/notification/1.0/problem-report",
    "@id": "7c9de639-c51c-4d60-ab95-103fa613c805",
    "~thread": {"pthid": "1e513ad4-48c9-444e-9e7e-5b8b45c5e325", "sender_order": 1},
    "~l10n": {"catalog": "https://didcomm.org/error-codes"},
    "description": "Unable to find a route to the specified recipient.",
    "description~l10n": {"code": "cant-find-route"},
    "problem_items": [{"recipient": "did:sov:C805sNYhMrjHiqZDTUASHg"}],
    "who_retries": "you",
    "impact": "message",
    "noticed_time": "2019-05-27 18:23:06Z",
}
"""The sample of RFC 0035."""


def report(**members: object) -> dict[str, object]:
    """A message with a code and these members; `_` at the start of a name stands for `~`."""
    named = {f"~{name[1:]}" if name.startswith("_") else name: value for name, value in members.items()}
    return {"@type": TYPE, "description": {"code": "c"}} | named


def read(document: object) -> Problem:
    problem = aries.read(document)
    assert isinstance(problem, Problem)
    return problem


def test_the_sample_of_the_rfc() -> None:
    problem = read(RFC_SAMPLE)
    assert (problem.code, problem.text, problem.localized) == ("cant-find-route", RFC_SAMPLE["description"], {})
    assert (problem.parent_thread_id, problem.thread_id_derived) == ("1e513ad4-48c9-444e-9e7e-5b8b45c5e325", True)
    assert (problem.retry_party, problem.scope) == (RetryParty.RECIPIENT, "message")
    assert (problem.noticed_at, problem.time_source) == (1_558_981_386_000_000, "noticed_time")
    assert problem.extensions == {
        "~thread.sender_order": "1",
        "~l10n": '{"catalog":"https://didcomm.org/error-codes"}',
    }
    assert problem.conformant


# what stands in the message: code, text, localized
WORDINGS: dict[str, tuple[dict[str, Any], tuple[str, str | None, dict[str, str]]]] = {
    "map": ({"description": {"code": "c", "en": "t", "fr": "u"}}, ("c", "t", {"en": "t", "fr": "u"})),
    "map without English": ({"description": {"code": "c", "ko": "t"}}, ("c", "t", {"ko": "t"})),
    "code is no language": ({"description": {"code": "c"}}, ("c", None, {})),
    "language not stated": ({"description": {"code": "c", "und": "t"}}, ("c", "t", {})),
    "text under no language": ({"description": {"code": "c", "comment": "t"}}, ("c", "t", {})),
    "string and decorator": (
        {"description": "t", "description~l10n": {"code": "c", "es": "u"}},
        ("c", "t", {"es": "u"}),
    ),
    "language in the decorator": (
        {"description": "t", "description~l10n": {"code": "c", "locale": "de"}},
        ("c", "t", {"de": "t"}),
    ),
    "language of the message": (
        {"description": "t", "description~l10n": {"code": "c"}, "~l10n": {"locale": "de"}},
        ("c", "t", {"de": "t"}),
    ),
    "the misspelt decorator is not used": (
        {"problem-code": "c", "explain": "t", "~i10n": {"locale": "en"}},
        ("c", "t", {}),
    ),
    "connections 1.0": ({"problem-code": "request_not_accepted", "explain": "t"}, ("request_not_accepted", "t", {})),
    "explain and decorator": ({"explain": "t", "explain~l10n": {"code": "c"}}, ("c", "t", {})),
    "explain-ltxt": ({"problem-code": "c", "explain-ltxt": "t"}, ("c", "t", {})),
    "friendly-ltxt": ({"friendly-ltxt": {"code": "c", "en": "t"}}, ("c", "t", {"en": "t"})),
    "comment beside the code": ({"description": {"code": "c"}, "comment": "t"}, ("c", "t", {})),
    "the description before the comment": (
        {"description": {"code": "c", "en": "t"}, "comment": "u"},
        ("c", "t", {"en": "t"}),
    ),
    "a number as code": ({"description": {"code": 404}}, ("404", None, {})),
    "a text and no code": ({"description": "t"}, ("", "t", {})),
    "languages and no code": ({"description": {"en": "t"}}, ("", "t", {"en": "t"})),
    "the code of the message": (
        {"description": "t", "~l10n": {"code": "c", "locale": "fr"}},
        ("c", "t", {"fr": "t"}),
    ),
    "a member's own code first": ({"problem-code": "c", "explain": "t", "~l10n": {"code": "d"}}, ("c", "t", {})),
    "the code in capitals": ({"description": {"Code": "c", "en": "t"}}, ("c", "t", {"en": "t"})),
    "two codes, one in capitals": ({"description": {"Code": "d", "code": "c"}}, ("c", "d", {})),
    "free text as code": ({"description": {"code": "internal error"}}, ("internal error", None, {})),
}


@pytest.mark.parametrize("case", WORDINGS)
def test_wording(case: str) -> None:
    members, expected = WORDINGS[case]
    problem = read({"@type": TYPE} | members)
    assert (problem.code, problem.text, problem.localized) == expected
    assert problem.severity is Severity.ERROR


def test_a_text_that_is_not_shown_is_kept() -> None:
    problem = read({"@type": TYPE, "description": {"code": "c", "en": "t"}, "comment": "u", "problem-code": "d"})
    assert problem.extensions == {"comment": '"u"', "problem-code": '"d"'}


@pytest.mark.parametrize(
    ("code", "severity", "scope"),
    [
        ("w.m.x", "warning", "message"),
        ("W.P.x", "warning", "protocol"),
        ("wallet-gone", "error", None),
        ("e.did.unresolvable", "error", None),
        ("message-parse-failure", "error", None),
        ("warning", "error", None),
    ],
)
def test_severity_of_a_code(code: str, severity: str, scope: str | None) -> None:
    problem = read(report(description={"code": code}))
    assert (problem.severity, problem.scope) == (severity, scope)


# members: rule, pointer
FLAGGED: dict[str, tuple[dict[str, Any], str, str]] = {
    "kebab": (report(**{"fix-hint": {"en": "x"}}), "member-spelling", "/fix-hint"),
    "camel": (report(escalationUri="mailto:a@b.c"), "member-spelling", "/escalationUri"),
    "the HIPE's thread": (report(**{"@thread": {"thid": "x"}}), "member-spelling", "/@thread"),
    "misspelt decorator": (report(_i10n={"locale": "en"}), "decorator-misspelt", "/~0i10n"),
    "upper case who": (report(who_retries="YOU"), "enum-not-lower-case", "/who_retries"),
    "upper case impact": (report(impact="MESSAGE"), "enum-not-lower-case", "/impact"),
    "unknown impact": (report(impact="world"), "enum-unknown", "/impact"),
    "unknown who": (report(who_retries="they"), "enum-unknown", "/who_retries"),
    "where without party": (report(where="the cloud"), "where-without-party", "/where"),
    "items as strings": (report(problem_items=[{"a": "b"}, "c"]), "not-one-pair", "/problem_items/1"),
    "items as a map": (report(problem_items={"a": "b"}), "not-a-list", "/problem_items"),
    "items of two pairs": (report(problem_items=[{"a": "b", "c": "d"}]), "not-one-pair", "/problem_items/0"),
    "time": (report(noticed_time="yesterday"), "not-a-time", "/noticed_time"),
    "time without zone": (report(noticed_time="2019-05-27T18:23:06"), "time-without-zone", "/noticed_time"),
    "time elsewhere": (report(noticed_time="2019-05-27T18:23:06+02:00"), "time-not-utc", "/noticed_time"),
    "epoch": (report(noticed_time=1558981386), "time-not-iso-8601", "/noticed_time"),
    "milliseconds": (report(noticed_time="1558981386000"), "time-not-iso-8601", "/noticed_time"),
    "small letters": (report(noticed_time="2019-05-27t18:23:06z"), "time-not-iso-8601", "/noticed_time"),
    "UTC": (report(noticed_time="2019-05-27T18:23:06 UTC"), "time-not-iso-8601", "/noticed_time"),
    "sender": (report(**{"from": "did:a"}), "member-of-didcomm-v2", "/from"),
    "recipients": (report(to=["did:a"]), "member-of-didcomm-v2", "/to"),
    "thread of v2": (report(thid="t"), "member-of-didcomm-v2", "/thid"),
    "bare address": (report(escalation_uri="a@b.c"), "escalation-uri-not-a-uri", "/escalation_uri"),
    "thread as text": (report(_thread="t"), "not-an-object", "/~0thread"),
    "thread id as number": (report(_thread={"thid": 5}), "not-a-string", "/~0thread/thid"),
    "thread id that names nothing": (report(_thread={"pthid": "?"}), "id-names-nothing", "/~0thread/pthid"),
    "id that names nothing": (report(**{"@id": "?"}), "id-names-nothing", "/@id"),
    "id as number": (report(**{"@id": 5}), "not-a-string", "/@id"),
    "no type": ({"description": {"code": "c"}}, "required-member-missing", "/@type"),
    "no code": ({"@type": TYPE, "description": "t"}, "required-member-missing", "/description/code"),
    "code without scope": (report(description={"code": "e.did.x"}), "code-scope-missing", "/description/code"),
    "code with underscore": (report(description={"code": "e.p.a_b"}), "code-not-kebab-case", "/description/code"),
    "code in capitals": (report(description={"Code": "c"}), "member-spelling", "/description/Code"),
    "code as number": (report(description={"code": 5}), "not-a-string", "/description/code"),
    "language as number": (report(description={"code": "c", "en": 5}), "not-a-string", "/description/en"),
    "long text": (report(description={"code": "c", "en": "x" * 4097}), "text-too-long", "/description"),
}


@pytest.mark.parametrize("case", FLAGGED)
def test_read_and_flagged(case: str) -> None:
    document, rule, pointer = FLAGGED[case]
    problem = read(document)
    assert not problem.conformant
    assert [(each.rule, each.pointer) for each in problem.violations] == [(rule, pointer)]


@pytest.mark.parametrize(
    "document",
    [
        report(),
        report(_thread={"thid": "t", "pthid": "p"}, comment="c"),
        report(description={"code": "e.p.xfer.x", "pt-BR": "t"}),
        report(**{"@type": "https://didcomm.org/connections/1.0/problem_report", "problem-code": "c"}),
        report(who_retries=None, fix_hint={}, tracking_uri="", trace={"a": None}),
        report(where="you - agency", noticed_time="2019-05-27"),
        report(noticed_time="2019-05-26T24:00:00Z"),
        report(noticed_time="2016-12-31T23:59:60Z"),
    ],
)
def test_conformant(document: object) -> None:
    assert read(document).violations == []


@pytest.mark.parametrize(
    ("items", "expected"),
    [
        ([{"a": "b"}, {"c": "d"}], [("a", "b"), ("c", "d")]),
        ({"a": "b", "c": "d"}, [("a", "b"), ("c", "d")]),
        (["a", "b"], [(None, "a"), (None, "b")]),
        ("a", [(None, "a")]),
        ([{"a": 5}, {"b": None}, {"c": [1]}], [("a", "5"), ("b", "null"), ("c", "[1]")]),
    ],
)
def test_items(items: object, expected: list[tuple[str | None, str]]) -> None:
    assert [(item.key, item.value) for item in read(report(problem_items=items)).items] == expected


@pytest.mark.parametrize(
    ("where", "party", "place"),
    [
        ("you - cloud", "you", "cloud"),
        ("me-edge", "me", "edge"),
        ("Other: wire", "other", "wire"),
        ("you", "you", None),
        ("youth club", None, "youth club"),
    ],
)
def test_where(where: str, party: str | None, place: str | None) -> None:
    problem = read(report(where=where))
    assert (problem.where_party, problem.where_place) == (party, place)


@pytest.mark.parametrize(
    ("time", "seconds"),
    [
        ("2019-05-27 18:23:06Z", 1558981386),
        ("2019-05-27T18:23:06.120Z", 1558981386.12),
        ("2019-05-27T20:23:06+02:00", 1558981386),
        ("2019-05-27", 1558915200),
        ("1558981386", 1558981386),
        (1558981386.5, 1558981386.5),
        ("1558981386.5", 1558981386.5),
        (1558981386500, 1558981386.5),
        ("1558981386500", 1558981386.5),
        ("2019-05-27t18:23:06z", 1558981386),
        ("2019-05-27 18:23:06 UTC", 1558981386),
        ("2019-05-26T24:00:00Z", 1558915200),
        ("2019-05-26T24:00Z", 1558915200),
        ("2019-05-26T23:59:60Z", 1558915200),
        ("2019-05-26T24:00:01Z", None),
        ("20190527T182306Z", 1558981386),
        ("2019-05-27T18:23:06,5Z", 1558981386.5),
        ("1969-12-31T23:59:59Z", None),
        ("9999-12-31T23:59:59-23:00", None),
        (10**30, None),
        (True, None),
    ],
)
def test_time(time: object, seconds: float | None) -> None:
    problem = read(report(noticed_time=time))
    assert problem.noticed_at == (None if seconds is None else round(seconds * 1_000_000))
    assert ("noticed_time" in problem.extensions) is (seconds is None or time == "2019-05-27")


def test_a_message_without_at_signs_is_read() -> None:
    document = {
        "type": TYPE, "id": "m", "thid": "t", "pthid": "p", "from": "did:a", "to": "did:b",
        "description": {"code": "c", "en": "x"}, "fix-hint-ltxt": {"en": "h"},
    }  # fmt: skip
    assert detect(document) == "aries-1.0"
    problem = read(document)
    assert (problem.message_type, problem.message_id, problem.thread_id) == (TYPE, "m", "t")
    assert (problem.parent_thread_id, problem.thread_id_derived) == ("p", False)
    assert (problem.source.sender, problem.source.recipients) == ("did:a", ["did:b"])
    assert {each.pointer for each in problem.violations} == {
        *("/type", "/id", "/thid", "/pthid", "/from", "/to", "/fix-hint-ltxt"),
    }


def test_a_type_that_can_be_none_of_a_message_is_only_a_member() -> None:
    problem = read({"type": "error", "description": {"code": "c"}})
    assert (problem.message_type, problem.extensions) == (None, {"type": '"error"'})


@pytest.mark.parametrize("name", ["@type", "type"])
def test_the_type_of_v2_in_a_report_of_v1_is_flagged(name: str) -> None:
    problem = read({name: "https://didcomm.org/report-problem/2.0/problem-report", "description": {"code": "c"}})
    assert "type-of-another-version" in [each.rule for each in problem.violations]


def test_what_a_report_says_in_its_own_types_is_written_so_again() -> None:
    document = report(
        _thread={"thid": "t", "sender_order": 0, "received_orders": {"did:a": 1}},
        description={"code": "c", "und": "no language"},
        problem_items=[{"a": 5}, {"b": None}, {"c": [1, "x"]}, {"d": "5"}],
        noticed_time="2019-05-27",
    )
    assert aries.write(read(document)) == document


def test_impact_is_verbatim_and_the_scope_is_what_it_means() -> None:
    problem = read(report(impact="CONNECTION", description={"code": "e.m.x"}))
    assert (problem.impact, problem.scope) == ("CONNECTION", "connection")


def test_of_two_spellings_the_dialects_own_wins_and_none_is_lost() -> None:
    problem = read(report(**{"fix-hint": {"en": "a"}, "fix_hint": {"en": "b"}}))
    assert problem.fix_hint == {"en": "b"}
    assert problem.extensions == {"fix-hint": '{"en":"a"}'}


@pytest.mark.parametrize(
    ("document", "pointer"),
    [
        ([], ""),
        ({}, "/description/code"),
        ({"@type": TYPE}, "/description/code"),
        ({"description": {"en": "t"}}, "/description/code"),
        ({"@type": TYPE, "description": {"code": None}}, "/description/code"),
        (report(**{"@id": "x" * 256}), "/@id"),
        (report(_thread={"pthid": "x" * 256}), "/~0thread/pthid"),
        (report(description={"code": "x" * 1025}), "/description"),
    ],
)
def test_refused(document: object, pointer: str) -> None:
    with pytest.raises(Unreadable) as refusal:
        aries.read(document)
    assert refusal.value.pointer == pointer


def test_another_message_is_no_problem() -> None:
    assert isinstance(aries.read(report(**{"@type": "https://didcomm.org/basicmessage/1.0/message"})), NotAProblem)


@pytest.mark.parametrize(
    ("document", "dialect"),
    [
        (RFC_SAMPLE, "aries-1.0"),
        (report(**{"@type": "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/report-problem/1.0/problem-report"}), "aries-1.0"),
        (report(**{"fix-hint": {"en": "x"}, "time-noticed": "2019-05-27"}), "aries-1.0"),
        ({"@type": "https://didcomm.org/basicmessage/1.0/message", "content": "x"}, "aries-1.0"),
        ({"~thread": {"thid": "t"}, "problem-code": "c"}, "aries-1.0"),
        (report(**{"@type": "https://didcomm.org/report-problem/1.0/problemReport"}), "aries-1.0"),
        ({"@type": "hydra:Error", "@context": "/c", "title": "t", "status": 404}, "rfc9457"),
        ({"@type": "https://a.b/x/1.0/y", "@context": "/c", "title": "t", "status": 400}, "rfc9457"),
        ({"code": "e.p.x", "description": {"code": "y"}}, "canonical"),
    ],
)
def test_detected(document: dict[str, object], dialect: str) -> None:
    assert detect(document) == dialect


@pytest.mark.parametrize("last", ["problem-report", "problem_report", "problemReport", "ProblemReport"])
def test_a_report_whatever_the_case_of_its_type(last: str) -> None:
    assert read(report(**{"@type": f"https://didcomm.org/report-problem/1.0/{last}"})).code == "c"


def test_written_strictly() -> None:
    problem = read(
        report(
            _thread={"thid": "t", "pthid": "p"},
            description={"code": "c", "en": "t", "comment": "u"},
            problemItems=["a", {"b": "c"}],
            who_retries="ME",
            impact="msg",
            where="Me cloud",
            time_noticed="2019-05-27T20:23:06.1234+02:00",
            fixHint="restart",
            tracking_uri="not a uri",
            escalation_uri="help@example.org",
            _l10n={"catalogs": ["https://didcomm.org/error-codes"]},
            _i10n={"locale": "en"},
        )
    )
    assert aries.write(problem) == {
        "@type": TYPE,
        "~thread": {"thid": "t", "pthid": "p"},
        "~l10n": {"catalog": "https://didcomm.org/error-codes"},
        "description": {"en": "t", "code": "c"},
        "problem_items": [{"item": "a"}, {"b": "c"}],
        "who_retries": "me",
        "fix_hint": {"und": "restart"},
        "impact": "message",
        "where": "me - cloud",
        "noticed_time": "2019-05-27T18:23:06.123Z",
        "escalation_uri": "mailto:help@example.org",
    }


@pytest.mark.parametrize(
    ("dialect", "came", "goes"),
    [
        (
            "aries-1.0",
            "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/issue-credential/1.0/problem-report",
            "https://didcomm.org/issue-credential/1.0/problem-report",
        ),
        ("hipe", "https://example.org/x/1.0/problem_report", "https://example.org/x/1.0/problem_report"),
        ("didcomm-2.0", "https://didcomm.org/report-problem/2.0/problem-report", TYPE),
        ("canonical", None, TYPE),
        ("aries-1.0", "https://didcomm.org/report-problem/2.0/problem-report", TYPE),
        ("aries-1.0", "https://didcomm.org/connection/1.0/problem-report", TYPE),
        ("hipe", "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/connection/1.0/problem-report", TYPE),
        (
            "aries-1.0",
            "https://didcomm.org/connections/1.0/problem_report",
            "https://didcomm.org/connections/1.0/problem_report",
        ),
        (
            "aries-1.0",
            "https://didcomm.org/issue-credential/2.0/problem-report",
            "https://didcomm.org/issue-credential/2.0/problem-report",
        ),
        ("aries-1.0", "https://didcomm.org/x/1.0/problemReport", "https://didcomm.org/x/1.0/problem-report"),
    ],
)
def test_the_type_that_is_written(dialect: str, came: str | None, goes: str) -> None:
    assert aries.write(Problem(dialect=dialect, code="c", message_type=came))["@type"] == goes


def test_a_problem_of_another_dialect_is_written() -> None:
    problem = Problem(
        dialect="didcomm-2.0",
        code="e.p.x",
        scope="protocol",
        thread_id="own",
        thread_id_derived=True,
        text="t",
        localized={"code": "no language", "fr": ""},
        items=[Item(key="1", value="a")],
        retry_party=RetryParty.NONE,
    )
    assert aries.write(problem) == {
        "@type": TYPE,
        "description": {"und": "t", "code": "e.p.x"},
        "problem_items": [{"1": "a"}],
        "who_retries": "none",
    }


@pytest.mark.parametrize(
    ("localized", "written"),
    [
        ({"en_US": "t"}, {"en-US": "t"}),
        ({"en-US": "t"}, {"en-US": "t"}),
        ({"en_US": "t", "en-US": "u"}, {"en-US": "u"}),
    ],
)
def test_a_language_is_written_as_bcp_47_says(localized: dict[str, str], written: dict[str, str]) -> None:
    problem = Problem(dialect="canonical", code="c", localized=localized, fix_hint=localized)
    assert aries.write(problem)["description"] == written | {"code": "c"}
    assert aries.write(problem)["fix_hint"] == written


def test_without_a_code_it_cannot_be_written() -> None:
    with pytest.raises(Unwritable, match="code"):
        aries.write(Problem(dialect="hipe", code="", text="t"))


@pytest.mark.parametrize(
    ("stated", "written"),
    [
        ("https://example.org/a?b=c#d", "https://example.org/a?b=c#d"),
        ("help@example.org", "mailto:help@example.org"),
        ("hilfe@b\u00fcro.example", "mailto:hilfe@b%C3%BCro.example"),
        ("did:sov:abc;spec/1", "did:sov:abc;spec/1"),
        ("https://example.org/%zz", None),
        ("https://example.org/a b", None),
        ("example.org", None),
        ("", None),
    ],
)
def test_uris(stated: str, written: str | None) -> None:
    assert aries.write(Problem(dialect="canonical", code="c", tracking_uri=stated)).get("tracking_uri") == written
