"""`call`: a transport call with a time limit of its own, and failing outcomes published by choice."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable, Mapping
from typing import TypeVar

import msgspec

from tocsin.connectors.publish.port import EventPublisher, Receipt
from tocsin.connectors.publish.reporting import problem
from tocsin.connectors.web5.errors import ConnectionFailed, NoAnswerInTime, NotAnAnswer, Web5Failed
from tocsin.connectors.web5.reply import Reply, unwrap
from tocsin.schemas.errors import TocsinError
from tocsin.schemas.problem import Problem

DEFAULT_TIMEOUT = 30.0
"""How long an answer may take, in seconds, unless the caller says otherwise."""

Request = TypeVar("Request")
Transport = Callable[[Request], Awaitable[object]]
"""Sends a request and returns what `unwrap` takes: an HttpAnswer, bytes, or parsed JSON. May raise Unresolvable."""


async def call(
    transport: Transport[Request],
    request: Request,
    *,
    timeout: float = DEFAULT_TIMEOUT,
    operation: str | None = None,
    publisher: EventPublisher | None = None,
) -> Reply:
    """Send the request and unwrap the answer. Raises Web5Failed, and nothing else of the transport's.

    The transport is cancelled after `timeout` seconds (NoAnswerInTime). With a `publisher`, an outcome that is not ok,
    or the failure that is raised, is published first; that publishing failed is told in `report` and changes nothing
    else. A cancelled call publishes nothing.
    """
    if not (math.isfinite(timeout) and timeout > 0):
        raise ValueError("timeout: a number of seconds above 0")
    try:
        reply = unwrap(await _answer(transport, request, timeout), operation=operation)
    except Web5Failed as failed:
        if publisher is not None:
            failed.report = await _publish(publisher, _as_problem(failed), None)
        raise
    if publisher is None or reply.problem is None:
        return reply
    return msgspec.structs.replace(reply, report=await _publish(publisher, reply.problem, reply.document))


async def _answer(transport: Transport[Request], request: Request, timeout: float) -> object:
    limit = asyncio.timeout(timeout)
    try:
        async with limit:
            return await transport(request)
    except Web5Failed:
        raise
    except Exception as error:
        # Whatever a transport's library raises: its own time limit, too, is not ours.
        if isinstance(error, TimeoutError) and limit.expired():
            raise NoAnswerInTime(timeout) from None
        raise ConnectionFailed(type(error).__name__) from error


async def _publish(publisher: EventPublisher, found: Problem, document: object) -> Receipt | TocsinError:
    """The answer's own document where there is one, so that the event keeps it."""
    try:
        if isinstance(document, Mapping):
            return await publisher.publish(document, dialect=found.dialect)
        return await publisher.publish(found)
    except TocsinError as failed:
        return failed


def _as_problem(failed: Web5Failed) -> Problem:
    stated = failed.problem if isinstance(failed, NotAnAnswer) else None
    http, more = (stated.http, stated.extensions) if stated is not None else (None, {})
    return problem(
        failed.code, text=failed.message, http=http, extensions=more, request_completed=False, outcome_ok=False
    )
