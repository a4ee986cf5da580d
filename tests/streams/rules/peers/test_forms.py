"""In which form a DIDComm peer is told: by what the file says, what was heard of it, and what its thread is of."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.routed_reports import a_problem, a_report
from tocsin.connectors.dialects.message_types import didcomm_version
from tocsin.streams.rules.addressee import Form
from tocsin.streams.rules.config import Endpoint, Recipient
from tocsin.streams.rules.peers.forms import choose
from tocsin.streams.rules.state import ReaderRow

HTTPS, SOV = "https://didcomm.org/", "did:sov:BzCbsNYhMrjHiqZDTUASHg;spec/"
V2 = Form("didcomm-2.0")
NOTIFICATION = Form("aries-1.0", f"{HTTPS}notification/1.0/problem-report")
REPORT_PROBLEM = Form("aries-1.0", f"{HTTPS}report-problem/1.0/problem-report")
V2_ALONE = "did:peer:2.Ez6LSjFv.Vz6Mkrw2.SeyJ0IjoiZG0iLCJzIjp7InVyaSI6Imh0dHA6Ly94LyIsImEiOlsiZGlkY29tbS92MiJdfX0"
KEY = "GJ1SzoWzavQYfNL9XkaJdrQejfztN4XqdsiV4ct3LXKL"


def of_thread(last: str | None = None, protocol: str | None = None, **problem: Any) -> Any:
    return a_report(a_problem(**problem), last_message_type=last, protocol=protocol)


def of_v1(message_type: str, **more: Any) -> Any:
    return of_thread(dialect="aries-1.0", message_type=message_type, **more)


# what is known -> the form, and the beginning of why: (the peer, what was heard of it, the report)
CHOICES: dict[str, tuple[str | None, ReaderRow | None, Any, Form, str]] = {
    "nothing": ("did:x:1", None, of_thread(), V2, "nothing else is known"),
    "no report, as in an escalation": ("did:x:1", None, None, V2, "nothing else is known"),
    "a key": (KEY, None, of_thread(), NOTIFICATION, "a key of DIDComm v1"),
    "a key, whatever was heard": (KEY, ReaderRow(1, version=2), of_thread(), NOTIFICATION, "a key of DIDComm v1"),
    "it spoke v1": ("did:x:1", ReaderRow(1, version=1), of_thread(), NOTIFICATION, "it spoke DIDComm v1 last"),
    "its DID says v2, though it spoke v1": (
        V2_ALONE, ReaderRow(1, version=1), of_thread(), V2, "its DID says that it takes DIDComm v2",
    ),
    "it spoke v2 on a thread of v1": (
        "did:x:1", ReaderRow(1, version=2), of_thread(f"{HTTPS}issue-credential/2.0/offer-credential"), V2,
        "it spoke DIDComm v2 last",
    ),
    "what it is told of is of v1": (
        "did:x:1", None, of_thread(f"{HTTPS}issue-credential/2.0/offer-credential"),
        Form("aries-1.0", f"{HTTPS}issue-credential/2.0/problem-report"), "its thread is of DIDComm v1",
    ),
    "with the old prefix": (
        "did:x:1", None, of_thread(f"{SOV}present-proof/1.0/request-presentation"),
        Form("aries-1.0", f"{SOV}present-proof/1.0/problem-report"), "its thread is of DIDComm v1",
    ),
    "of v2 by its version": (
        "did:x:1", None, of_thread(f"{HTTPS}issue-credential/3.0/offer-credential"), V2, "its thread is of DIDComm v2",
    ),
    "only the protocol is known": (
        "did:x:1", None, of_thread(protocol=f"{HTTPS}connections/1.0"), NOTIFICATION, "its thread is of DIDComm v1",
    ),
    "a handshake, whose own report would end the connection": (
        "did:x:1", None, of_thread(f"{HTTPS}didexchange/1.0/response"), NOTIFICATION, "its thread is of DIDComm v1",
    ),
    "a protocol of both versions": ("did:x:1", None, of_thread(f"{HTTPS}foo/1.0/bar"), V2, "nothing else is known"),
    "what is no message type": ("did:x:1", None, of_thread("offer"), V2, "nothing else is known"),
    "the report is of v1": (
        "did:x:1", None, of_v1(f"{HTTPS}report-problem/1.0/problem-report"), NOTIFICATION,
        "the report is of DIDComm v1",
    ),
    "the report is one of its protocol": (
        "did:x:1", None, of_v1(f"{HTTPS}present-proof/2.0/problem-report"),
        Form("aries-1.0", f"{HTTPS}present-proof/2.0/problem-report"), "the report is of DIDComm v1",
    ),
    "the report would end the connection": (
        "did:x:1", None, of_v1(f"{HTTPS}connection/1.0/problem-report"), NOTIFICATION, "the report is of DIDComm v1",
    ),
    "it uses a family": (
        "did:x:1", ReaderRow(1, version=1, family="report-problem/1.0"), of_thread(), REPORT_PROBLEM,
        "it spoke DIDComm v1 last; as it was heard of the peer",
    ),
    "it answers a family": (
        "did:x:1", ReaderRow(1, version=1, refused=("notification/1.0",)), of_thread(), REPORT_PROBLEM,
        "it spoke DIDComm v1 last; as it was heard of the peer",
    ),
    "it answers the family that it uses": (
        "did:x:1", ReaderRow(1, version=1, family="report-problem/1.0", refused=("report-problem/1.0",)), of_thread(),
        NOTIFICATION, "it spoke DIDComm v1 last",
    ),
    "it answers all": (
        "did:x:1", ReaderRow(1, version=1, refused=("notification/1.0", "report-problem/1.0")), of_thread(),
        NOTIFICATION, "it spoke DIDComm v1 last",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("peer", "reader", "report", "form", "why"), CHOICES.values(), ids=list(CHOICES))
def test_auto(peer: str | None, reader: ReaderRow | None, report: Any, form: Form, why: str) -> None:
    endpoint = Endpoint(name="e", sink="memory", body="auto", recipient=Recipient())
    known = (None,) if report is None else (report.problem, report.context)
    chosen, said = choose(endpoint, peer, reader, *known)
    assert chosen == form
    assert said.startswith(why)


@pytest.mark.parametrize("body", ["didcomm-2.0", "aries-1.0", "hipe"])
def test_a_dialect_that_the_file_names_is_taken_whatever_is_known(body: str) -> None:
    endpoint = Endpoint(name="e", sink="memory", body=body, recipient=Recipient())
    reader = ReaderRow(1, version=1 if body == "didcomm-2.0" else 2)
    assert choose(endpoint, KEY, reader, a_problem()) == (Form(body), "as the rules file says")


# the endpoint says it, the report's type -> whether it goes out as what ends the connection
ENDS = {
    "both say it": (True, f"{HTTPS}connection/1.0/problem-report", True),
    "with the old prefix": (True, f"{SOV}connection/1.0/problem-report", True),
    "only the report": (False, f"{HTTPS}connection/1.0/problem-report", False),
    "only the endpoint": (True, f"{HTTPS}connections/1.0/problem_report", False),
}


@pytest.mark.parametrize(("endpoint_says", "message_type", "ends"), ENDS.values(), ids=list(ENDS))
@pytest.mark.parametrize("body", ["auto", "aries-1.0", "hipe"])
def test_what_ends_the_connection(body: str, endpoint_says: bool, message_type: str, ends: bool) -> None:
    recipient = Recipient(connection="c", ends_connections=endpoint_says)
    endpoint = Endpoint(name="e", sink="memory", body=body, recipient=recipient)
    form, _ = choose(endpoint, "did:x:1", None, of_v1(message_type).problem)
    assert ((form.message_type or "").endswith("connection/1.0/problem-report")) is ends


# a message type -> of which DIDComm it is
VERSIONS = {
    "the old prefix": (f"{SOV}whatever/7.0/message", 1),
    "only in v1": (f"{HTTPS}didexchange/1.1/request", 1),
    "spelt otherwise": (f"{HTTPS}Issue_Credential/2.0/offer", 1),
    "from 3 on": (f"{HTTPS}issue-credential/3.0/offer-credential", 2),
    "from 2 on": (f"{HTTPS}trust-ping/2.0/ping", 2),
    "before 2": (f"{HTTPS}trust-ping/1.0/ping", 1),
    "the protocol alone": (f"{HTTPS}messagepickup/3.0", 2),
    "of both": (f"{HTTPS}discover-features/2.0/queries", None),
    "of strangers": ("https://example.com/foo/1.0/bar", None),
    "no message type": ("offer", None),
    "empty": ("", None),
    "none": (None, None),
}


@pytest.mark.parametrize(("message_type", "version"), VERSIONS.values(), ids=list(VERSIONS))
def test_the_version_of_didcomm_by_a_message_type(message_type: str | None, version: int | None) -> None:
    assert didcomm_version(message_type) == version
