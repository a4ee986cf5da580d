"""Every way to write an address that is not public, as a webhook's URL, behind a proxy and as the proxy itself."""

from __future__ import annotations

from typing import Any

import pytest

from tests.harness.name_server import NameServer
from tests.harness.webhook_receivers import SECRET, attempt
from tocsin.connectors.egress.proxy import Proxy
from tocsin.connectors.guard import why_not_public
from tocsin.connectors.sinks.base import Reason, RetryLater, SinkMisconfigured
from tocsin.connectors.sinks.webhook import WebhookConfig, WebhookSink

FORMS = {
    "IPv4": ["127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0",
             "192.0.0.8", "198.18.0.1", "192.88.99.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "203.0.113.9"],
    "IPv4 as one number": ["2130706433", "017700000001", "0x7f000001", "0X7F000001", "3232235777", "0"],
    "IPv4 in parts of other bases": ["0177.0.0.1", "0x7f.0.0.1", "0x7f.1", "127.1", "127.0.1", "0177.1", "010.0.0.1",
                                     "0x7f.0x0.0x0.0x1", "00000177.0.0.1", "127.0.0.01", "1.1.1", "8.8"],
    "IPv4 and more": ["127.0.0.1.", "1.1.1.1.", "0x7f.1.", "256.256.256.256", "127.0.0.1.1"],
    "digits of other scripts": ["①②⑦.0.0.1", "\uff11\uff12\uff17.0.0.1", "127。0。0。1", "127｡0.0.1", "۱۲۷.0.0.1"],
    "IPv6": ["[::1]", "[::]", "[0:0:0:0:0:0:0:1]", "[fe80::1]", "[fc00::1]", "[fd12:3456::1]", "[ff02::1]",
             "[fec0::1]", "[2001:db8::1]", "[100::1]", "[5f00::1]", "[3fff::1]", "[2001::1]"],
    "IPv4 within IPv6": ["[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[::FFFF:7F00:0001]", "[::127.0.0.1]", "[::7f00:1]",
                         "[::ffff:8.8.8.8]", "[64:ff9b::7f00:1]", "[64:ff9b:1::1]", "[2002:7f00:1::]",
                         "[2001:0:7f00:1::]", "[::ffff:0:127.0.0.1]"],
    "zones": ["[fe80::1%25eth0]", "[fe80::1%eth0]", "[::1%25lo]", "[2606:4700::1%25eth0]"],
    "private names": ["localhost", "LOCALHOST", "localhost.", "a.localhost", "printer.local", "db.internal",
                      "x.home.arpa", "metadata.google.internal", "ⓛocalhost"],
    "no names at all": ["127.0.0.1%00.example.org", "%31%32%37.0.0.1", "ex ample.org", "a..b", ".", "-.-", "",

                        "[v1.x]", "[::1", "::1", "xn--", "127.0.0.1\\@example.org", "*.example.org", "a_b.c$d"],
    "names that lead there": ["127.0.0.1.nip.io", "7f000001.nip.io", "evil.example", "bücher.example",
                              "xn--bcher-kva.example", "unknown.example", "redis"],
}  # fmt: skip
ALL = [(kind, host) for kind, hosts in FORMS.items() for host in hosts]
ZONE: dict[str, Any] = {
    "127.0.0.1.nip.io": ["127.0.0.1"], "7f000001.nip.io": ["127.0.0.1"], "evil.example": ["1.1.1.1", "10.0.0.1"],
    "xn--bcher-kva.example": ["169.254.169.254"], "redis": ["10.0.0.7"],
}  # fmt: skip
REFUSED = {RetryLater(reason=reason).reason for reason in (Reason.ADDRESS_REFUSED, Reason.DNS_FAILED)}
BY_NAME = "names that lead there"


def test_there_are_enough_of_them() -> None:
    assert len({host for _, host in ALL}) >= 60


async def refusal(server: NameServer, **settings: Any) -> str:
    """How a webhook with these settings is refused: before it is opened, or when it is to deliver."""
    try:
        sink = WebhookSink(WebhookConfig(**({"secrets": (SECRET,)} | settings)), name_servers=server.resolver())
    except SinkMisconfigured as refused:
        return refused.field
    async with sink:
        outcome = await sink.deliver(attempt())
    assert isinstance(outcome, RetryLater), outcome
    return outcome.reason


@pytest.mark.parametrize(("kind", "host"), ALL)
async def test_as_the_url(kind: str, host: str) -> None:
    async with NameServer(ZONE) as server:
        found = await refusal(server, url=f"https://{host}/hook")
    assert found in ({*REFUSED} if kind == BY_NAME else {"url"})


@pytest.mark.parametrize(("kind", "host"), ALL)
async def test_as_the_url_behind_a_proxy(kind: str, host: str) -> None:
    """Nobody is at the proxy: what got that far would fail in another way."""
    async with NameServer(ZONE) as server:
        found = await refusal(
            server, url=f"https://{host}/hook", proxy=Proxy(url="http://192.0.0.1:1", allow_private=True)
        )
        trusting = Proxy(url="http://127.0.0.1:1", allow_private=True, resolves=True)
        trusted = await refusal(server, url=f"https://{host}/hook", proxy=trusting)
    assert found in ({*REFUSED} if kind == BY_NAME else {"url"})
    # a proxy that is trusted to look names up is asked for names, and still not for addresses
    assert trusted == (Reason.PROXY_FAILED if kind == BY_NAME else "url")


@pytest.mark.parametrize(("kind", "host"), ALL)
async def test_as_the_proxy(kind: str, host: str) -> None:
    async with NameServer(ZONE | {"receiver.example": ["1.1.1.1"]}) as server:
        for scheme in ("http", "https"):
            proxy = Proxy(url=f"{scheme}://{host}:4750")
            found = await refusal(server, url="https://receiver.example/hook", proxy=proxy)
            expected = (
                {Reason.ADDRESS_REFUSED, Reason.DNS_FAILED, Reason.PROXY_FAILED} if kind == BY_NAME else {"proxy"}
            )
            assert found in expected


PROXIES = {
    "a user": "http://user@proxy.example:3128", "a password": "http://:secret@proxy.example:3128",
    "a path": "http://proxy.example:3128/path", "a query": "http://proxy.example:3128?a=b",
    "a fragment": "http://proxy.example:3128#x", "another scheme": "socks5://proxy.example:1080",
    "no scheme": "proxy:3128", "no host": "http://:3128", "port 0": "http://proxy.example:0", "a port that is none": "http://proxy.example:x",
    "a port too high": "http://proxy.example:65536", "a file": "file:///etc/passwd", "nothing": "",
}  # fmt: skip


@pytest.mark.parametrize("url", PROXIES.values(), ids=PROXIES)
def test_a_proxy_that_is_none(url: str) -> None:
    with pytest.raises(SinkMisconfigured) as refused:
        WebhookSink(WebhookConfig(url="https://receiver.example/", secrets=(SECRET,), proxy=Proxy(url=url)))
    assert refused.value.field == "proxy"
    assert "secret" not in str(refused.value)


URLS = {
    "userinfo": "https://example.org@127.0.0.1/", "a password": "https://a:b@example.org/",
    "port 0": "https://example.org:0/",
    "another port": "https://example.org:8443/", "plain": "http://example.org/", "ftp": "ftp://example.org/",
    "a file": "file:///etc/passwd", "gopher": "gopher://example.org/", "no scheme": "//example.org/", "data": "data:,x",
    "a fragment": "https://example.org/#x", "a long name": f"https://{'a.' * 130}org/", "a tab": "https://exa\tmple.org/",
    "a line": "https://example.org\r\nhost: x/",
}  # fmt: skip


@pytest.mark.parametrize("url", URLS.values(), ids=URLS)
def test_a_url_that_is_none(url: str) -> None:
    with pytest.raises(SinkMisconfigured) as refused:
        WebhookSink(WebhookConfig(url=url, secrets=(SECRET,)))
    assert refused.value.field == "url"


@pytest.mark.parametrize(
    "host", ["example.org", "EXAMPLE.org.", "a-b.c_d.example", "1.1.1.1", "2606:4700:4700::1111", "redis",
             "xn--bcher-kva.example", "localhost.example.org", "127.example", "internal.org", "0x7f.example"],
)  # fmt: skip
def test_what_is_not_refused_as_it_is_written(host: str) -> None:
    assert why_not_public(host) is None
