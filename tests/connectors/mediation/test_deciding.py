"""What a table says to do: who is told, how, and which exception is which scenario."""

from __future__ import annotations

import json
import sqlite3
from pathlib import Path

import pytest

from tocsin.connectors.dialects.codes import parse_code
from tocsin.connectors.mediation import Action, Context, ForeignError, UnknownScenario, classify, decide, load_table
from tocsin.schemas.problem import RetryParty

VECTORS = Path(__file__).parents[4] / "shared" / "vectors"
MEDIATOR = load_table("identus-mediator")
AGENT = load_table("identus-agent")
FORWARD = "https://didcomm.org/routing/2.0/forward"
PICKUP = "https://didcomm.org/messagepickup/3.0/delivery-request"
PEER = "did:example:peer"
LIVE = "https://didcomm.org/messagepickup/3.0/live-delivery-change"
KEYLIST = "https://didcomm.org/coordinate-mediation/2.0/keylist-update"
REPORT = "https://didcomm.org/report-problem/2.0/problem-report"
OWN_REPORT = "https://didcomm.org/issue-credential/1.0/problem_report"


def driver(*names: str, text: str = "") -> Exception:
    """An exception as a driver raises it: its class and bases, the nearest last, by their dotted names."""
    kind: type[Exception] = Exception
    for name in names:
        module, _, plain = name.rpartition(".")
        kind = type(plain, (kind,), {"__module__": module, "__qualname__": plain})
    return kind(text)


def sqlite(*statements: str) -> Exception:
    """What the real sqlite3 raises."""
    try:
        database = sqlite3.connect(":memory:")
        for statement in statements:
            database.execute(statement)
    except sqlite3.Error as error:
        return error
    raise AssertionError(statements)


def no_file() -> Exception:
    try:
        sqlite3.connect("/nowhere/at/all")
    except sqlite3.Error as error:
        return error
    raise AssertionError


_MONGO = "pymongo.errors."
_PG = "asyncpg.exceptions."
_REDIS = "redis.exceptions."
_ALCHEMY = "sqlalchemy.exc."


@pytest.mark.parametrize(
    ("error", "scenario"),
    [
        (driver(_MONGO + "PyMongoError", _MONGO + "ConnectionFailure", _MONGO + "AutoReconnect",
                _MONGO + "ServerSelectionTimeoutError"), "M2"),
        (driver(_MONGO + "PyMongoError", _MONGO + "ConnectionFailure", _MONGO + "WaitQueueTimeoutError"), "M2"),
        (driver(_MONGO + "PyMongoError", _MONGO + "OperationFailure", _MONGO + "WriteError",
                _MONGO + "DuplicateKeyError"), "M3"),
        (driver(_MONGO + "PyMongoError", _MONGO + "ConfigurationError"), "M3"),
        (driver(_PG + "_base.PostgresError", _PG + "PostgresConnectionError", _PG + "ConnectionFailureError"), "M2"),
        (driver(_PG + "_base.PostgresError", _PG + "OperatorInterventionError", _PG + "CannotConnectNowError"), "M2"),
        (driver(_PG + "_base.PostgresError", _PG + "InsufficientResourcesError", _PG + "DiskFullError"), "M2"),
        (driver(_PG + "_base.PostgresError", _PG + "OperatorInterventionError", _PG + "QueryCanceledError"), "M3"),
        (driver(_PG + "_base.InterfaceError"), "M2"),
        (driver(_PG + "_base.PostgresError", _PG + "SyntaxOrAccessError", _PG + "UndefinedTableError"), "M3"),
        (driver(_REDIS + "RedisError", _REDIS + "ConnectionError", _REDIS + "BusyLoadingError"), "M2"),
        (driver(_REDIS + "RedisError", _REDIS + "TimeoutError"), "M2"),
        (driver(_REDIS + "RedisError", _REDIS + "ResponseError", _REDIS + "ClusterDownError"), "M2"),
        (driver(_REDIS + "RedisError", _REDIS + "ResponseError"), "M3"),
        (driver(_ALCHEMY + "SQLAlchemyError", _ALCHEMY + "DatabaseError", _ALCHEMY + "OperationalError",
                text="connection refused"), "M2"),
        (driver(_ALCHEMY + "SQLAlchemyError", _ALCHEMY + "DatabaseError", _ALCHEMY + "OperationalError",
                text="(sqlite3.OperationalError) no such table: x"), "M3"),
        (driver(_ALCHEMY + "SQLAlchemyError", _ALCHEMY + "TimeoutError"), "M2"),
        (driver(_ALCHEMY + "SQLAlchemyError", _ALCHEMY + "DatabaseError", _ALCHEMY + "IntegrityError"), "M3"),
        (no_file(), "M2"),
        (sqlite("SELECT * FROM nothing"), "M3"),
        (sqlite("SELEKT"), "M3"),
        (sqlite("CREATE TABLE t (a PRIMARY KEY)", "INSERT INTO t VALUES (1)", "INSERT INTO t VALUES (1)"), "M3"),
        (driver("builtins.TimeoutError"), "G4"),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else value,
)  # fmt: skip
def test_a_database_that_cannot_be_reached_and_one_that_refuses(error: Exception, scenario: str) -> None:
    assert decide(MEDIATOR, error, Context()).scenario == scenario
    agent = {"M2": "C3", "M3": "C3", "G4": "G3"}[scenario]
    assert decide(AGENT, error, Context()).scenario == agent


def made(name: str, *bases: type[Exception]) -> Exception:
    """An exception of a class of that name."""
    error = type(name, bases or (Exception,), {})("secret text")
    assert isinstance(error, Exception)
    return error


def raised_from(error: Exception, cause: Exception) -> Exception:
    error.__cause__ = cause
    return error


@pytest.mark.parametrize(
    ("error", "message_type", "scenario"),
    [
        pytest.param(made("DuplicateMessage"), PICKUP, "G1", id="a replay"),
        pytest.param(made("MissingProtocolError"), PICKUP, "G2", id="no such protocol"),
        pytest.param(made("UnsupportedVersion"), PICKUP, "G3", id="no such version"),
        pytest.param(made("InvalidTag"), None, "G5", id="what cryptography raises"),
        pytest.param(made("DIDMethodNotSupported"), None, "G6", id="a DID method"),
        pytest.param(made("MalformedDIDError"), None, "G7", id="a malformed DID"),
        pytest.param(json.JSONDecodeError("x", "y", 0), PICKUP, "G8", id="a real one: json"),
        pytest.param(made("DIDNotEnrolled"), FORWARD, "M4", id="not enrolled, in a forward"),
        pytest.param(made("DIDNotEnrolled"), PICKUP, "M1", id="not enrolled, in a pickup"),
        pytest.param(made("StorageCollection"), PICKUP, "M2", id="no database"),
        pytest.param(
            made("OperationalError", type("DatabaseError", (Exception,), {})), PICKUP, "M2", id="own class first"
        ),
        pytest.param(made("IntegrityError", type("DatabaseError", (Exception,), {})), PICKUP, "M3", id="then its base"),
        pytest.param(made("LiveModeNotPossible"), PICKUP, "M5", id="live mode"),
        pytest.param(raised_from(made("Wrapped"), made("InvalidSignature")), None, "G5", id="then its cause"),
        pytest.param(ValueError("?"), PICKUP, None, id="nobody knows it"),
        pytest.param("org.example.InvalidSignature", None, "G5", id="a name from elsewhere"),
        pytest.param(
            ForeignError(["java.lang.X", "com.mongodb.MongoException.ConnectionFailure"]),
            PICKUP,
            "M2",
            id="a foreign class by its base",
        ),
    ],
)
def test_classification(error: BaseException | str, message_type: str | None, scenario: str | None) -> None:
    assert classify(MEDIATOR, error, message_type) == scenario
    if isinstance(error, BaseException):
        assert decide(MEDIATOR, error, Context(message_type=message_type)).scenario == (scenario or "G4")


def test_causes_that_go_in_a_circle_end() -> None:
    one, other = ValueError(), ValueError()
    one.__cause__, other.__cause__ = other, one
    assert classify(MEDIATOR, one) is None


@pytest.mark.parametrize(
    ("trouble", "context", "column", "expect"),
    [
        pytest.param(
            "M1", Context(sender=PEER, did=PEER, message_type=PICKUP), "current",
            {"code": "e.p.req.not_enroll", "comment": "The DID '{1}' is not enroled.", "args": [PEER], "to": [PEER],
             "synchronous": True, "signed": False, "escalate_to": "mailto:desk@example.org"},
            id="a report to a known sender",
        ),
        pytest.param("M4", Context(did=PEER), "current", {"to": [], "synchronous": True, "signed": True},
                     id="nobody to encrypt to: signed, in the same exchange"),
        pytest.param("G2", Context(sender=PEER), "current", {"synchronous": False, "signed": False, "comment": None},
                     id="no return route: sent to the peer's endpoint"),
        pytest.param("G2", Context(sender=PEER, return_route="all"), "current", {"synchronous": True},
                     id="the return route decides"),
        pytest.param("G8", Context(sender=PEER, message_type=PICKUP), "current",
                     {"code": f"e.p.msg.{PICKUP}", "code_template": "e.p.msg.<PIURI>", "args": ["?"]},
                     id="the PIURI goes into the code; an unknown argument is ?"),
        pytest.param("G8", Context(sender=PEER), "current", {"code": "e.p.msg"}, id="no PIURI: its token is left out"),
        pytest.param("G3", Context(sender=PEER, values={"supported_versions": "2.0"}), "roadmap",
                     {"behaviour": "G3B", "args": ["2.0"]}, id="a value of the caller's"),
        pytest.param("M2", Context(sender=PEER), "current", {"retry": RetryParty.RECIPIENT}, id="try again later"),
        pytest.param("G5", Context(), "upstream", {"behaviour": "G8B", "code": "e.p.msg", "signed": True},
                     id="as the code does it"),
        pytest.param("M5", Context(sender=PEER, capabilities={"live_delivery": True}), "roadmap",
                     {"behaviour": "M5A", "action": Action.REPLY}, id="the connection can do it, whatever the column"),
        pytest.param("M5", Context(sender=PEER, capabilities={"live_delivery": False}), "current",
                     {"behaviour": "M5B", "code": "e.m.live-mode-not-supported"}, id="the connection cannot"),
        pytest.param("M5", Context(sender=PEER, capabilities={"other": True}), "roadmap", {"behaviour": "M5B"},
                     id="not known: the column decides"),
        pytest.param("M5", Context(sender=PEER, message_type=LIVE), "current", {"synchronous": True, "signed": False},
                     id="a reply of the pickup flow goes back in the same exchange"),
        pytest.param("G4", Context(sender=PEER, message_type=PICKUP), "current",
                     {"synchronous": True, "signed": False}, id="the pickup flow: in the same exchange"),
        pytest.param("G4", Context(sender=PEER, message_type=KEYLIST), "current",
                     {"synchronous": True, "signed": False}, id="the mediation flow: in the same exchange"),
        pytest.param("M4", Context(sender=PEER, did=PEER, message_type=FORWARD), "current",
                     {"to": [PEER], "synchronous": True, "signed": True}, id="a forward: signed, to the sender"),
        pytest.param("G4", Context(sender=PEER, message_type=FORWARD), "current",
                     {"synchronous": True, "signed": True}, id="a forward, whatever goes wrong"),
        pytest.param("M2", Context(sender=PEER), "current",
                     {"comment": "The storage cannot be reached; try again later."}, id="the peer is told so"),
        pytest.param("M5", Context(sender=PEER), "current",
                     {"action": Action.REPLY, "reply_with": "https://didcomm.org/messagepickup/3.0/status", "to": [],
                      "escalate_to": None, "synchronous": False, "signed": False}, id="a reply"),
        pytest.param("G2", Context(sender=PEER, message_type=REPORT), "current",
                     {"action": Action.IGNORE, "to": [], "why_ignored": "the message is a problem report itself"},
                     id="a report is never answered with a report"),
        pytest.param("G2", Context(sender=PEER, message_type=OWN_REPORT), "current",
                     {"action": Action.IGNORE}, id="whatever its protocol"),
        pytest.param("identus-mediator/G2", Context(), "current",
                     {"scenario": "G2", "scenario_id": "identus-mediator/G2"}, id="a scenario with its table"),
    ],
)  # fmt: skip
def test_decisions(trouble: str, context: Context, column: str, expect: dict[str, object]) -> None:
    decision = decide(MEDIATOR, trouble, context, column=column, escalate_to="mailto:desk@example.org")
    assert {name: getattr(decision, name) for name in expect} == expect


@pytest.mark.parametrize("column", MEDIATOR.columns)
@pytest.mark.parametrize("scenario", MEDIATOR.scenarios)
def test_the_escalation_address_is_in_every_report(scenario: str, column: str) -> None:
    decision = decide(MEDIATOR, scenario, Context(sender=PEER), column=column, escalate_to="mailto:desk@example.org")
    assert decision.escalate_to == ("mailto:desk@example.org" if decision.action is Action.REPORT else None)


@pytest.mark.parametrize(("scenario", "column"), [("G9", "current"), ("identus-agent/G1", "current"), ("G1", "never")])
def test_a_mistake_of_the_caller(scenario: str, column: str) -> None:
    with pytest.raises(UnknownScenario):
        decide(MEDIATOR, scenario, Context(), column=column)


def test_the_text_of_an_exception_goes_only_where_the_table_wants_it() -> None:
    assert decide(MEDIATOR, made("FailToParse"), Context()).args == ["secret text"]
    assert decide(MEDIATOR, made("InvalidTag"), Context()).args == []


@pytest.mark.skipif(not VECTORS.is_dir(), reason="the shared vectors are not beside this repository")
@pytest.mark.parametrize("file", sorted(VECTORS.glob("mediator-*.json")), ids=lambda file: file.stem)
def test_vectors(file: Path) -> None:
    vector = json.loads(file.read_text())
    expect = vector["expect"]
    if vector["input_form"] == "table-row":
        decision = decide(AGENT, expect["scenario"], Context())
        code = parse_code(decision.code_template)
        found: dict[str, object] = {"scenario": decision.scenario, "code": code.text}
        found |= {"severity": code.severity, "scope": code.scope, "descriptors": list(code.descriptors)}
        assert {name: found[name] for name in expect if name != "code_template"} == expect
        return
    message = vector["input"]
    context = Context(
        message_type=message["type"],
        message_id=message["id"],
        sender=message.get("from"),
        did=message["body"].get("next"),
    )
    decision = decide(MEDIATOR, made("DIDNotEnrolled"), context)
    assert (decision.scenario, decision.behaviour) == (expect["scenario"], expect["behaviour"])
    assert decision.code == expect["reply_code"]
