"""Names looked up by the system (getaddrinfo), so that one whose servers do not answer delays nobody else's.

Not by c-ares (aiodns): in 2 of 16 runs a first look-up ended with "Could not contact DNS servers"; why was not found.
"""

from __future__ import annotations

import asyncio
import socket
from contextlib import suppress
from threading import Thread

from aiohttp.abc import AbstractResolver, ResolveResult


class SystemResolver(AbstractResolver):
    """Asks the system, in a thread for each name that is asked for at a time: asyncio's few threads would all be held
    by names whose servers do not answer, and nobody else's would be looked up. Who gives up waiting leaves the question
    to the next who asks."""

    def __init__(self) -> None:
        self._asked: dict[tuple[str, int, int], asyncio.Future[list[ResolveResult]]] = {}

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """The addresses of a host. Raises the OSError of getaddrinfo."""
        question = (host, port, family)
        if question not in self._asked:
            answer = self._asked[question] = asyncio.get_running_loop().create_future()
            answer.add_done_callback(lambda done: self._end(question, done))
            Thread(target=_ask, args=(question, answer), name="tocsin-dns", daemon=True).start()
        return await asyncio.shield(self._asked[question])

    def _end(self, question: tuple[str, int, int], answer: asyncio.Future[list[ResolveResult]]) -> None:
        del self._asked[question]
        if not answer.cancelled():
            answer.exception()  # nobody may be left to hear of it

    async def close(self) -> None:
        """Who still waits is told nothing any more."""
        for answer in list(self._asked.values()):
            answer.cancel()


def _ask(question: tuple[str, int, int], answer: asyncio.Future[list[ResolveResult]]) -> None:
    host, port, family = question
    found: list[ResolveResult] | OSError
    try:
        infos = socket.getaddrinfo(host, port, family, socket.SOCK_STREAM, flags=socket.AI_ADDRCONFIG)
        found = [
            ResolveResult(
                hostname=host, host=str(address[0]), port=int(address[1]), family=of, proto=protocol,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for of, _, protocol, _, address in infos
        ]  # fmt: skip
    except OSError as error:
        found = error
    except UnicodeError:
        found = socket.gaierror(socket.EAI_NONAME, "not a name")
    with suppress(RuntimeError):  # nobody waits: the loop is closed
        answer.get_loop().call_soon_threadsafe(_settle, answer, found)


def _settle(answer: asyncio.Future[list[ResolveResult]], found: list[ResolveResult] | OSError) -> None:
    if answer.done():
        return
    if isinstance(found, OSError):
        answer.set_exception(found)
    else:
        answer.set_result(found)
