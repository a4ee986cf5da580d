"""Which addresses count as public."""

from __future__ import annotations

import socket

import pytest
from aiohttp.abc import AbstractResolver, ResolveResult

from tocsin.connectors.guard import AddressRefused, PublicResolver, dial_any, dial_public, is_public

PUBLIC = [
    "1.1.1.1", "8.8.8.8", "93.184.216.34", "100.63.255.255", "100.128.0.0", "172.15.255.255", "172.32.0.0",
    "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "223.255.255.255", "9.255.255.255", "11.0.0.0",
    "126.255.255.255", "128.0.0.1", "2606:4700:4700::1111", "2a00:1450:4001::1", "2001:200::1", "2003::1",
]  # fmt: skip
NOT_PUBLIC = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.255",
    "169.254.169.254", "172.16.0.1", "172.31.255.255", "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.88.99.1",
    "192.168.0.1", "192.168.255.255", "198.18.0.1", "198.19.255.255", "198.51.100.1", "203.0.113.1", "224.0.0.1",
    "239.255.255.255", "240.0.0.1", "255.255.255.255", "::", "::1", "::ffff:127.0.0.1", "::ffff:7f00:1",
    "::ffff:8.8.8.8", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "100::1", "2001::1", "2001:1ff::1",
    "2001:db8::1", "2002:7f00:1::", "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0",
    "fec0::1", "ff02::1", "2606:4700::1%25eth0", "", "localhost", "0x7f.1", "2130706433", "127.1", "010.0.0.1",
    "①②⑦.0.0.1", "1.1.1.1.", "[::1]",
]  # fmt: skip


@pytest.mark.parametrize("address", PUBLIC)
def test_public(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize("address", NOT_PUBLIC)
def test_not_public(address: str) -> None:
    assert not is_public(address)


def test_the_socket_of_a_private_address_is_never_made() -> None:
    for address in ("127.0.0.1", "::1"):
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with pytest.raises(AddressRefused):
            dial_public((family, socket.SOCK_STREAM, 0, "", (address, 443)))
    with pytest.raises(AddressRefused):
        dial_public((socket.AF_UNIX, socket.SOCK_STREAM, 0, "", ("/run/x",)))


def test_sockets_that_are_made() -> None:
    dial_public((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("1.1.1.1", 443))).close()
    dial_any((socket.AF_INET, socket.SOCK_STREAM, 0, "", ("127.0.0.1", 443))).close()


class Answers(AbstractResolver):
    """A resolver that always gives these addresses."""

    def __init__(self, *addresses: str) -> None:
        self._addresses = addresses

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        return [
            ResolveResult(hostname=host, host=each, port=port, family=family, proto=0, flags=0)
            for each in self._addresses
        ]

    async def close(self) -> None:
        pass


@pytest.mark.parametrize(
    "addresses",
    [
        pytest.param(("127.0.0.1",), id="private"),
        pytest.param(("1.1.1.1", "127.0.0.1"), id="public first"),
        pytest.param(("::1", "1.1.1.1"), id="public last"),
        pytest.param(("1.1.1.1",) * 199 + ("169.254.169.254",), id="one of two hundred"),
        pytest.param(("1.1.1.1", "not an address"), id="no address"),
    ],
)
async def test_an_answer_with_a_forbidden_address_is_refused_whole(addresses: tuple[str, ...]) -> None:
    with pytest.raises(AddressRefused):
        await PublicResolver(Answers(*addresses)).resolve("two-faced.example", 443)


async def test_an_answer_of_public_addresses_is_taken_as_it_is() -> None:
    answer = await PublicResolver(Answers("1.1.1.1", "2606:4700:4700::1111")).resolve("example.org", 443)
    assert [each["host"] for each in answer] == ["1.1.1.1", "2606:4700:4700::1111"]
