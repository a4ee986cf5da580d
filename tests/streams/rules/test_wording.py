"""Title, explanation and fix hint in the language of who is told: the report's own first, then the catalogue's."""

from __future__ import annotations

import json
from typing import Any

import msgspec
import pytest

from tests.harness.dict_rows import DictRows
from tests.harness.routed_reports import NOW, a_book, a_problem, a_report
from tocsin.schemas.events import DeliveryRequested
from tocsin.schemas.problem import Http, Problem
from tocsin.streams.rules.config import DecideConfig, Endpoint, Route, TenantRules
from tocsin.streams.rules.decide import decide
from tocsin.streams.rules.decision import Emit
from tocsin.streams.rules.limit_notice import limit_notice
from tocsin.streams.rules.policies import LoopLimits
from tocsin.streams.rules.verdict import Limit
from tocsin.streams.rules.wording import wording_of

CODE = "insufficient-funds"
FR = "Un paiement nécessaire à l'opération n'a pas eu lieu, faute d'argent ou de crédit suffisant."
DE = "Eine Zahlung, die der Vorgang braucht, kam nicht zustande, weil Geld oder Kredit nicht reichen."
ISSUE = "https://didcomm.org/issue-credential/2.0/problem-report"
PROOF = "https://didcomm.org/present-proof/2.0/problem-report"

EXPLAINED: dict[str, tuple[dict[str, Any], tuple[str, ...], tuple[str, str, str | None]]] = {
    "the report's own, in the language": (
        {"localized": {"fr": "pas d'argent", "de": "kein Geld"}},
        ("fr", "en"),
        ("pas d'argent", "report", "fr"),
    ),
    "in a region's language": ({"localized": {"fr": "pas d'argent"}}, ("fr-CH",), ("pas d'argent", "report", "fr")),
    "of a region, where there is no other": (
        {"localized": {"fr-CA": "pas d'argent"}},
        ("fr",),
        ("pas d'argent", "report", "fr-CA"),
    ),
    "without region and script": ({"localized": {"zh": "没有钱"}}, ("zh-Hant-TW",), ("没有钱", "report", "zh")),
    "the report's own, in the second language": (
        {"localized": {"en": "no money"}},
        ("fr", "en"),
        ("no money", "report", "en"),
    ),
    "the catalogue's, where the report has another": (
        {"localized": {"de": "kein Geld"}},
        ("fr",),
        (FR, "catalogue", "fr"),
    ),
    "the catalogue's before a text of no language": ({"text": "no money"}, ("de",), (DE, "catalogue", "de")),
    "the report's, where the catalogue knows nothing": (
        {"code": "fnord", "text": "no money"},
        ("de",),
        ("no money", "report", None),
    ),
}


@pytest.mark.parametrize(("members", "languages", "expected"), EXPLAINED.values(), ids=EXPLAINED)
def test_the_explanation(
    members: dict[str, Any], languages: tuple[str, ...], expected: tuple[str, str, str | None]
) -> None:
    found = wording_of(Problem(**({"dialect": "aries-1.0", "code": CODE} | members)), languages, None)["explanation"]
    assert (found["text"], found["from"], found.get("language")) == expected


def test_hint_and_title() -> None:
    own = Problem(dialect="aries-1.0", code=CODE, fix_hint={"fr": "payez"}, http=Http(title="No money"))
    found = wording_of(own, ("fr",), None)
    assert found["fix_hint"] == {"text": "payez", "from": "report", "language": "fr"}
    assert found["title"] == {"text": "Fonds insuffisants", "from": "catalogue", "language": "fr"}
    unknown = wording_of(msgspec.structs.replace(own, code="fnord"), ("fr",), None)
    assert unknown["title"] == {"text": "No money", "from": "report"}


@pytest.mark.parametrize(
    ("kind", "thread", "title"),
    [
        (ISSUE, None, "Ausstellung abgebrochen"),
        (PROOF, None, "Vorlage abgebrochen"),
        (None, "https://didcomm.org/issue-credential/2.0", "Ausstellung abgebrochen"),
        ("https://didcomm.org/report-problem/1.0/problem-report", "https://didcomm.org/issue-credential/2.0",
         "Ausstellung abgebrochen"),
        (None, None, "Vorgang abgebrochen"),
        ("https://didcomm.org/report-problem/1.0/problem-report", None, "Vorgang abgebrochen"),
    ],
    ids=["its message type", "that of another protocol", "its thread's protocol", "a report about it",
         "no protocol", "a report of which nobody knows"],
)  # fmt: skip
def test_a_code_means_what_its_protocol_means(kind: str | None, thread: str | None, title: str) -> None:
    problem = Problem(dialect="aries-1.0", code="abandoned", message_type=kind)
    assert wording_of(problem, ("de",), thread)["title"]["text"] == title


IN_ONE_THREAD = "Zu viele Fehler in einem Thread"
OF_LIMITS = {
    Limit.THREAD_ERRORS: IN_ONE_THREAD,
    Limit.PEER_THREAD: IN_ONE_THREAD,
    Limit.CONNECTION_ERRORS: "Zu viele Fehler mit demselben Code auf einer Verbindung",
    Limit.PING_PONG: "Fehler einer Kategorie gehen zwischen zwei Parteien hin und her",
    Limit.EXCHANGE: "Zwei Parteien beantworten Meldungen mit Meldungen",
    Limit.CLAIMED: "Zu viele Meldungen ohne nachgewiesenen Absender",
    Limit.TENANT_CASES: "Zu viele Fälle eines Mandanten sind offen",
}


@pytest.mark.parametrize("limit", Limit)
def test_a_limit_notice_has_the_title_of_its_limit(limit: Limit) -> None:
    notice = limit_notice(a_problem(CODE, thread_id="t"), limit, 3).instead
    assert notice is not None
    assert notice.code == "e.p.req.max-errors-exceeded", "DIDComm's code, whatever the limit"
    assert notice.text == f"Maximum errors exceeded: {limit} allows 3. The last one was {CODE}."
    assert wording_of(notice, ("de",), None)["title"]["text"] == OF_LIMITS[limit]


@pytest.mark.parametrize("said", [{}, {"args": ["fnord"]}, {"args": ["claimed"], "dialect": "didcomm-2.0"}])
def test_a_limit_notice_of_others_is_told_as_didcomm_means_it(said: dict[str, Any]) -> None:
    theirs = a_problem(**({"code": "e.p.req.max-errors-exceeded", "dialect": "canonical"} | said))
    assert wording_of(theirs, ("de",), None)["title"]["text"] == IN_ONE_THREAD


def test_each_endpoint_is_told_in_its_language() -> None:
    languages = {"fr": ("fr", "en"), "de": ("de",), "none": ()}
    endpoints = {name: Endpoint(name=name, sink="memory", language=said) for name, said in languages.items()}
    book = a_book(Route(endpoints=tuple(endpoints)), endpoints=endpoints, default_endpoint="none")
    for text in ("x", "x" * 70_000):
        problem = a_problem(CODE, text=text, thread_id="t")
        decided = decide(a_report(problem).event, DictRows(), NOW, DecideConfig(book=book))
        requests = [one.event for one in decided if isinstance(one, Emit)]
        told = {one.endpoint: json.loads(one.body)["data"] for one in requests if isinstance(one, DeliveryRequested)}
        titles = {name: data.get("wording", {}).get("title", {}).get("text") for name, data in told.items()}
        assert titles == {"fr": "Fonds insuffisants", "de": "Nicht genug Geld", "none": None}
        assert ("overflow" in told["fr"]) is (len(text) > 1)


def test_an_endpoint_without_a_language_has_that_of_the_tenant() -> None:
    own = TenantRules(limits=LoopLimits(), timeouts=(), language=("ko",))
    endpoints = {name: Endpoint(name=name, sink="memory", language=said) for name, said in (("a", ()), ("b", ("fr",)))}
    book = a_book(endpoints=endpoints, default_endpoint="a", tenants={"acme": own})
    found = [book.languages_of(name, tenant) for tenant in ("acme", "other") for name in ("a", "b", "gone")]
    assert found == [("ko",), ("fr",), ("ko",), (), ("fr",), ()]
