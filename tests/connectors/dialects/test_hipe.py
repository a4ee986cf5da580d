"""HIPE reports beyond the shared vectors: its own sample, its revisions, flags, refusals, writing."""

from __future__ import annotations

from typing import Any

import pytest

from tocsin.connectors.dialects import NotAProblem, Unreadable, Unwritable, detect, hipe, read_parsed
from tocsin.schemas.problem import Problem, RetryParty

TYPE = hipe.MESSAGE_TYPE
SAMPLE: dict[str, Any] = {
    "@type": TYPE,
    "@id": "7c9de639-c51c-4d60-ab95-103fa613c805",
    "@thread": {"pthid": "1e513ad4-48c9-444e-9e7e-5b8b45c5e325", "seqnum": 1},
    "@msg_catalog": "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/error-codes",
    "friendly-ltxt": {"en": "Unable to find a route to the specified recipient.", "code": "cant-find-route"},
    "problem-items": [{"recipient": "did:sov:C805sNYhMrjHiqZDTUASHg"}],
    "who-retries": "you",
    "impact": "message",
    "time-noticed": "2019-05-27 18:23:06Z",
}
"""The sample of the HIPE, with its problem-items made JSON."""


def report(**members: object) -> dict[str, object]:
    """A message with a text and these members, `_` in their names read as `-`."""
    named = {name.replace("_", "-"): value for name, value in members.items()}
    return {"@type": TYPE, "friendly-ltxt": {"en": "t"}} | named


def read(document: object) -> Problem:
    problem = hipe.read(document)
    assert isinstance(problem, Problem)
    return problem


def test_the_sample_of_the_seed() -> None:
    problem = read(SAMPLE)
    assert problem.conformant
    assert (problem.code, problem.localized) == ("cant-find-route", {"en": SAMPLE["friendly-ltxt"]["en"]})
    assert problem.parent_thread_id == "1e513ad4-48c9-444e-9e7e-5b8b45c5e325"
    assert (problem.thread_id, problem.thread_id_derived) == (SAMPLE["@id"], True)
    assert (problem.who_retries, problem.retry_party, problem.scope) == ("you", RetryParty.RECIPIENT, "message")
    assert (problem.noticed_at, problem.time_source) == (1_558_981_386_000_000, "time-noticed")
    assert problem.extensions == {
        "@thread.seqnum": "1",
        "@msg_catalog": '"did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/error-codes"',
    }


# members: code, text, localized
WORDINGS: dict[str, tuple[dict[str, Any], tuple[str, str | None, dict[str, str]]]] = {
    "friendly-ltxt": ({"friendly-ltxt": {"en": "t", "code": "c"}}, ("c", "t", {"en": "t"})),
    "with an underscore": ({"friendly_ltxt": {"en": "t", "code": "c"}}, ("c", "t", {"en": "t"})),
    "only a text": ({"friendly-ltxt": {"fr": "t"}}, ("", "t", {"fr": "t"})),
    "explain-ltxt, a string": ({"explain-ltxt": "t"}, ("", "t", {})),
    "explain_ltxt, a map": ({"explain_ltxt": {"en": "t", "code": "c"}}, ("c", "t", {"en": "t"})),
    "HIPE 0031": ({"problem-code": "c", "explain": "t"}, ("c", "t", {})),
    "the last revision": ({"comment": "t", "comment~l10n": {"code": "c"}}, ("c", "t", {})),
    "the code of the message": ({"explain-ltxt": "t", "~l10n": {"code": "c"}}, ("c", "t", {})),
    "a code and no text": ({"friendly-ltxt": {"code": "c"}}, ("c", None, {})),
}


@pytest.mark.parametrize("case", WORDINGS)
def test_wording(case: str) -> None:
    members, expected = WORDINGS[case]
    for problem in (read({"@type": TYPE} | members), read_parsed({"@type": TYPE} | members)):
        assert isinstance(problem, Problem)
        assert (problem.dialect, problem.code, problem.text, problem.localized) == ("hipe", *expected)


FLAGGED: dict[str, tuple[dict[str, Any], list[tuple[str, str]]]] = {
    "snake case": (report() | {"who_retries": "me"}, [("member-spelling", "/who_retries")]),
    "the RFC's thread": (report() | {"~thread": {"thid": "t"}}, [("member-spelling", "/~0thread")]),
    "the RFC's time": (report() | {"noticed_time": "2019-05-27"}, [("member-spelling", "/noticed_time")]),
    "no friendly-ltxt": (
        {"@type": TYPE, "explain-ltxt": "t"},
        [("required-member-missing", "/friendly-ltxt")],
    ),
    "friendly-ltxt, a string": (report(friendly_ltxt="t"), [("not-an-object", "/friendly-ltxt")]),
    "a code and no catalogue": (
        report(friendly_ltxt={"code": "c"}),
        [("required-member-missing", "/@msg_catalog")],
    ),
    "no type": ({"friendly-ltxt": {"en": "t"}}, [("required-member-missing", "/@type")]),
}


@pytest.mark.parametrize("case", FLAGGED)
def test_read_and_flagged(case: str) -> None:
    document, expected = FLAGGED[case]
    assert [(each.rule, each.pointer) for each in read(document).violations] == expected


@pytest.mark.parametrize(
    "document",
    [
        report(),
        report(escalation_uri="mailto:a@b.c"),
        report() | {"escalation_uri": "mailto:a@b.c"},
        report(impact="msg"),
        report(tracking_uri="", escalation_uri=""),
        report(friendly_ltxt={"code": "c"}) | {"@msg_catalog": "did:sov:x;spec/codes"},
    ],
)
def test_conformant(document: object) -> None:
    problem = read(document)
    assert problem.violations == []
    assert problem.scope in (None, "message")


@pytest.mark.parametrize("document", [[], {}, {"@type": TYPE}, report(friendly_ltxt={}), {"friendly-ltxt": 5}])
def test_refused(document: object) -> None:
    with pytest.raises(Unreadable):
        hipe.read(document)


def test_another_message_is_no_problem() -> None:
    document = {"@type": "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/notification/1.0/ack"}
    assert detect(document) == "hipe"
    assert isinstance(hipe.read(document), NotAProblem)


@pytest.mark.parametrize(
    "document",
    [
        SAMPLE,
        {"explain-ltxt": "t"},
        {"@type": "https://didcomm.org/notification/1.0/problem-report", "explain-ltxt": "t"},
        {"@type": "https://didcomm.org/x/1.0/problem-report", "@thread": {}, "comment": "t"},
        {"@type": "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/connections/1.0/problem_report", "problem-code": "c"},
    ],
)
def test_detected(document: dict[str, object]) -> None:
    assert detect(document) == "hipe"


def test_what_came_goes_out_again() -> None:
    written = hipe.write(read(SAMPLE))
    expected = SAMPLE | {"time-noticed": "2019-05-27T18:23:06Z"}
    assert written == expected
    assert list(written) == list(SAMPLE)


def test_all_members_are_written_in_kebab_case() -> None:
    problem = Problem(
        dialect="canonical",
        code="e.p.x",
        text="t",
        fix_hint={"en": "h"},
        where_party="other",
        where_place="wire",
        scope="thread",
        retry_party=RetryParty.BOTH,
        noticed_at=1,
        tracking_uri="https://status.example.org",
        escalation_uri="a@b.c",
    )
    assert hipe.write(problem) == {
        "@type": TYPE,
        "friendly-ltxt": {"und": "t", "code": "e.p.x"},
        "who-retries": "both",
        "fix-hint-ltxt": {"en": "h"},
        "impact": "thread",
        "where": "other - wire",
        "time-noticed": "1970-01-01T00:00:00Z",
        "tracking-uri": "https://status.example.org",
        "escalation-uri": "mailto:a@b.c",
    }
    assert read(hipe.write(problem)).conformant


def test_a_code_that_nothing_explains_cannot_be_written() -> None:
    with pytest.raises(Unwritable, match="catalogue"):
        hipe.write(Problem(dialect="canonical", code="c"))
