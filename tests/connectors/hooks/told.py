"""What a service told, as a gateway has it: for each job its story, and its problems."""

from __future__ import annotations

import json
import time
from collections import defaultdict
from collections.abc import Callable
from typing import Any

from tests.connectors.publish.scripted_gateway import ScriptedGateway
from tests.connectors.sdk.conftest import Memory
from tocsin.schemas.events import ActivityObserved, ProblemReported

LONG = 90.0
"""Seconds after which what was waited for will not come any more."""


def until(over: Callable[[], object], what: Callable[[], object] = lambda: "") -> None:
    """Wait for it."""
    end = time.monotonic() + LONG
    while not over():
        assert time.monotonic() < end, what()
        time.sleep(0.02)


def documents(gateway: ScriptedGateway) -> list[dict[str, Any]]:
    """What was posted, once each, in order; with the trace that it came in."""
    posted = {key: json.loads(body) | {"trace": trace} for key, body, trace in list(gateway.posts)}
    return list(posted.values())


def problems(gateway: ScriptedGateway) -> list[dict[str, Any]]:
    """The problems among it."""
    return [document for document in documents(gateway) if "kind" not in document]


def stories(gateway: ScriptedGateway) -> dict[str, list[str]]:
    """For each job, in the order of time: `started`, what it came to, codes of problems, and how it ended."""
    found: dict[str, list[tuple[int, str]]] = defaultdict(list)
    for document in documents(gateway):
        detail = document.get("detail", {})
        attempt = f" {detail['attempt']} of {detail.get('attempts')}" if "attempt" in detail else ""
        if document.get("kind") == "job_started":
            said = f"started{attempt}"
        elif document.get("kind") == "job_finished":
            said = detail["outcome"]
        elif document.get("kind") == "record_changed":
            said = f"{document['record_state']}{attempt}"
        else:
            found[document["source"]["job"]].append((document["noticed_at"], document["code"]))
            continue
        found[document["job"]].append((document["occurred_at"], said))
    return {job: [said for _, said in sorted(told, key=lambda one: one[0])] for job, told in found.items()}


def story(memory: Memory) -> list[str]:
    """The same of what one process published."""
    told: list[str] = []
    for event in memory.flushed():
        if isinstance(event, ProblemReported):
            told.append(event.problem.code)
        elif isinstance(event, ActivityObserved):
            told.append(event.record_state or event.detail.get("outcome") or "started")
    return told
