"""In which form a DIDComm peer is told: the dialect, and in DIDComm v1 the family of the report.

| what is known | the form |
| --- | --- |
| the rules file names a dialect | that one |
| the peer is named by its key | DIDComm v1 |
| its DID, where that holds its services (did:peer:2) | the version that they accept, if it is one |
| what the peer spoke last in a report | that version of DIDComm |
| a message of the thread, or the report itself | its version |
| nothing | DIDComm v2: `report-problem/2.0`, which is all that it has |

In DIDComm v1 a report belongs to the protocol of its thread, where that has reports of its own which end nothing but
the exchange (issue-credential, present-proof): agents act on those. Else it is generic, in the family that the peer
uses itself and has not answered with a report, `notification/1.0` before `report-problem/1.0`: agents take the first or
drop it, and answer the second.
"""

from __future__ import annotations

from tocsin.connectors.dialects.message_types import NEW_PREFIX, didcomm_version, is_report, parse_piuri
from tocsin.connectors.didcomm.accepts import version_stated
from tocsin.schemas.events import ThreadContext
from tocsin.schemas.problem import Problem
from tocsin.streams.rules.addressee import Form
from tocsin.streams.rules.config import AUTO, Endpoint
from tocsin.streams.rules.context.parties import is_key
from tocsin.streams.rules.facts import NO_CONTEXT
from tocsin.streams.rules.peers.learning import GENERIC, family_of
from tocsin.streams.rules.state import ReaderRow

V1, V2 = "aries-1.0", "didcomm-2.0"

_OF_V1 = frozenset({"aries-1.0", "hipe"})

OWN_REPORTS = frozenset({"issuecredential", "presentproof"})
"""Protocols of DIDComm v1 whose own report ends an exchange and nothing else."""

ENDS_CONNECTION = "connection/1.0/problem-report"
"""The report by which agents end the connection for good."""


def choose(
    endpoint: Endpoint,
    peer: str | None,
    reader: ReaderRow | None,
    problem: Problem | None,
    context: ThreadContext = NO_CONTEXT,
) -> tuple[Form, str]:
    """The form in which the peer of an endpoint is told of a problem, as it was reported and with what is known of its
    thread; and why in this one."""
    ends = endpoint.recipient is not None and endpoint.recipient.ends_connections
    if ends and problem is not None and problem.dialect in _OF_V1 and _ends_connection(problem):
        return Form(V1, problem.message_type), "the report says that it ends the connection"
    if endpoint.body != AUTO:
        return Form(endpoint.body), "as the rules file says"
    version, why = _version(peer, reader, problem, context)
    if version == 2:
        return Form(V2), why
    own = None if problem is None else _own_type(problem, context)
    if own is not None:
        return Form(V1, own), f"{why}; the report of its thread's protocol"
    family = _family(reader)
    known = reader is not None and (family == reader.family or reader.refused)
    return Form(V1, f"{NEW_PREFIX}{family}/problem-report"), why + ("; as it was heard of the peer" if known else "")


def _version(
    peer: str | None, reader: ReaderRow | None, problem: Problem | None, context: ThreadContext
) -> tuple[int, str]:
    if peer is not None and is_key(peer):
        return 1, "a key of DIDComm v1"
    stated = None if peer is None else version_stated(peer)
    if stated is not None:
        return stated, f"its DID says that it takes DIDComm v{stated}"
    if reader is not None and reader.version:
        return reader.version, f"it spoke DIDComm v{reader.version} last"
    seen = didcomm_version(context.last_message_type) or didcomm_version(context.protocol)
    if seen is not None:
        return seen, f"its thread is of DIDComm v{seen}"
    if problem is not None and (problem.dialect in _OF_V1 or problem.dialect == V2):
        version = 2 if problem.dialect == V2 else 1
        return version, f"the report is of DIDComm v{version}"
    return 2, "nothing else is known"


def _own_type(problem: Problem, context: ThreadContext) -> str | None:
    """The type of a report of the thread's own protocol, if that has one."""
    seen, kind = context.last_message_type, problem.message_type
    if problem.dialect in _OF_V1 and kind and is_report(kind) and family_of(kind) not in GENERIC:
        seen = kind
    found = parse_piuri(seen) if seen else None
    if seen is None or found is None or found[0] not in OWN_REPORTS or didcomm_version(seen) != 1:
        return None
    return f"{seen.rstrip('/').rpartition('/')[0]}/problem-report"


def _family(reader: ReaderRow | None) -> str:
    if reader is None:
        return GENERIC[0]
    wanted = [reader.family] if reader.family else []
    fit = [family for family in (*wanted, *GENERIC) if family not in reader.refused]
    return fit[0] if fit else GENERIC[0]


def _ends_connection(problem: Problem) -> bool:
    return (problem.message_type or "").endswith(f"/{ENDS_CONNECTION}")
