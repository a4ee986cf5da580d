"""The server's configuration, and connections whose requests h11 reads; what all connections are is in watched.py.

Requests are read by httptools where it is there (fast_connection.py), which takes a quarter off what a request costs;
else by h11.
"""

from __future__ import annotations

import resource
from functools import partial
from importlib.util import find_spec
from typing import Any, Literal

import h11
import uvicorn
from starlette.types import ASGIApp
from uvicorn.protocols.http.h11_impl import H11Protocol

from tocsin.connectors.gateway.watched import OUR_FILES, SPARE, Limits, Watched, refusal_of_no_http

Parser = Literal["h11", "httptools"]
"""What reads requests."""


def server_config(app: ASGIApp, limits: Limits, *, parser: Parser | None = None, **options: Any) -> uvicorn.Config:
    """uvicorn's configuration for an application that strangers reach. Raises the number of descriptors as far as the
    system allows, and keeps the limits within it. `parser`: by default httptools where it is installed."""
    limits = limits.within(_descriptors(limits.most + OUR_FILES + SPARE + limits.backlog))
    return uvicorn.Config(
        app,
        http=partial(_connection_of(parser or PARSER), limits=limits, waiting={}),  # type: ignore[arg-type]
        ws="none",
        backlog=limits.backlog,
        log_config=None,
        log_level="error",
        access_log=False,
        proxy_headers=False,
        server_header=False,
        **options,
    )


PARSER: Parser = "httptools" if find_spec("httptools") else "h11"


def _connection_of(parser: Parser) -> type[Watched]:
    if parser == "h11":
        return Connection
    from tocsin.connectors.gateway.fast_connection import FastConnection

    return FastConnection


class Connection(Watched, H11Protocol):  # type: ignore[misc]
    """One connection whose requests h11 reads."""

    def send_400_response(self, msg: str) -> None:
        """What is not HTTP is refused if it can still be answered at all."""
        if self.conn.our_state not in (h11.IDLE, h11.SEND_RESPONSE):
            self._give_up()
            return
        status, headers, body = refusal_of_no_http()
        for event in (
            h11.Response(status_code=status, headers=headers, reason=b""),
            h11.Data(data=body),
            h11.EndOfMessage(),
        ):
            self.transport.write(self.conn.send(event) or b"")
        self.transport.close()
        if self.cycle is not None:  # it may be at work on the head: it has nobody to answer any more
            self.cycle.disconnected = True
            self.cycle.message_event.set()


def _descriptors(wanted: int) -> int:
    """How many files this process may have open, after it has asked for as many as it wants."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return wanted
    if soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return soft
