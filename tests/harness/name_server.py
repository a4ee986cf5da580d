"""A DNS server on 127.0.0.1 that answers as a test wants: UDP and TCP, A, AAAA and CNAME, time to live 0."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from ipaddress import ip_address

import dns.asyncresolver
import dns.exception
from aiohttp.abc import AbstractResolver, ResolveResult

A, CNAME, AAAA = 1, 5, 28
NXDOMAIN = "nxdomain"
SILENCE = "silence"
LARGEST_DATAGRAM = 512

Answers = Sequence[str] | Callable[[int], Sequence[str]]
"""Addresses and `cname:NAME`s; NXDOMAIN or SILENCE alone; or what gives them for the how-manieth question (from 0)."""


@dataclass
class NameServer(asyncio.DatagramProtocol):
    """Use as an async context manager; `zone` says what it knows, `asked` counts questions by name and type."""

    zone: dict[str, Answers] = field(default_factory=dict)
    asked: dict[tuple[str, int], int] = field(default_factory=lambda: defaultdict(int))
    port: int = 0

    async def __aenter__(self) -> NameServer:
        loop = asyncio.get_running_loop()
        self._tcp = await asyncio.start_server(self._over_tcp, "127.0.0.1", self.port)
        self.port = self._tcp.sockets[0].getsockname()[1]
        self._udp, _ = await loop.create_datagram_endpoint(lambda: self, local_addr=("127.0.0.1", self.port))
        return self

    async def __aexit__(self, *error: object) -> None:
        self._udp.close()
        self._tcp.close()

    def resolver(self) -> AbstractResolver:
        """One that asks this server and nobody else, over sockets."""
        return _Asking(self.port)

    def datagram_received(self, data: bytes, addr: tuple[str, int]) -> None:
        answer = self._answer(data)
        if answer is not None and len(answer) > LARGEST_DATAGRAM:
            answer = answer[:2] + struct.pack("!H", 0x8780) + answer[4:6] + bytes(6) + _question(data)[2]
        if answer is not None:
            self._udp.sendto(answer, addr)

    async def _over_tcp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                (length,) = struct.unpack("!H", await reader.readexactly(2))
                answer = self._answer(await reader.readexactly(length))
                if answer is not None:
                    writer.write(struct.pack("!H", len(answer)) + answer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()

    def _answer(self, query: bytes) -> bytes | None:
        name, kind, question = _question(query)
        before = self.asked[name, kind]
        self.asked[name, kind] += 1
        known = self.zone.get(name, [NXDOMAIN])
        said = known(before) if callable(known) else known
        if SILENCE in said:
            return None
        records = [one for text in said if text != NXDOMAIN and (one := _record(text, kind)) is not None]
        status = 3 if NXDOMAIN in said else 0
        head = query[:2] + struct.pack("!HHHHH", 0x8580 | status, 1, len(records), 0, 0)
        return head + question + b"".join(records)


def _question(query: bytes) -> tuple[str, int, bytes]:
    """The name that is asked for, the type, and the bytes of the question."""
    labels, at = [], 12
    while query[at]:
        labels.append(query[at + 1 : at + 1 + query[at]].decode())
        at += 1 + query[at]
    (kind,) = struct.unpack("!H", query[at + 1 : at + 3])
    return ".".join(labels).lower(), kind, query[12 : at + 5]


def _record(text: str, asked: int) -> bytes | None:
    """A record about the name of the question (a pointer to it); None when another type was asked for."""
    if text.startswith("cname:"):
        kind, data = CNAME, b"".join(bytes([len(each)]) + each.encode() for each in text[6:].split(".")) + b"\0"
    else:
        address = ip_address(text)
        kind, data = A if address.version == 4 else AAAA, address.packed
        if kind != asked:
            return None
    return struct.pack("!HHHIH", 0xC00C, kind, 1, 0, len(data)) + data


class _Asking(AbstractResolver):
    def __init__(self, port: int) -> None:
        self._stub = dns.asyncresolver.Resolver(configure=False)
        self._stub.nameservers, self._stub.port = ["127.0.0.1"], port
        self._stub.lifetime = self._stub.timeout = 5.0

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        try:
            answers = await self._stub.resolve_name(host, family)
        except dns.exception.DNSException as error:
            raise socket.gaierror(socket.EAI_NONAME, type(error).__name__) from error
        return [
            ResolveResult(
                hostname=host, host=address, port=port, family=socket.AddressFamily(of), proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address, of in answers.addresses_and_families()
        ]  # fmt: skip

    async def close(self) -> None:
        return None
