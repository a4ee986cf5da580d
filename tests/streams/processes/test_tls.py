"""The gateway's certificate: a new one is taken while connections go on, a broken one is not."""

from __future__ import annotations

import asyncio
import shutil
import ssl
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.harness.certificates import write_certificates
from tocsin.streams.cli.doctor_access import access_checks
from tocsin.streams.processes.tls import CertificateUnusable, ServerCertificate
from tocsin.streams.settings import Settings, SettingsInvalid, load_settings


@pytest.fixture
def pair(tmp_path: Path) -> Path:
    write_certificates(tmp_path)
    return tmp_path


@asynccontextmanager
async def a_server(certificate: ServerCertificate) -> AsyncIterator[int]:
    """Says back what it is sent, over TLS."""

    async def echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while line := await reader.readline():
            writer.write(line)
        writer.close()

    server = await asyncio.start_server(echo, "127.0.0.1", 0, ssl=certificate.context)
    async with server:
        yield server.sockets[0].getsockname()[1]


async def connected(
    port: int, ca: Path, version: ssl.TLSVersion | None = None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    context = ssl.create_default_context(cafile=ca)
    if version is not None:
        context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
        context.maximum_version = version
    return await asyncio.open_connection("127.0.0.1", port, ssl=context)


def serial(writer: asyncio.StreamWriter) -> str:
    return str(writer.get_extra_info("peercert")["serialNumber"])


async def said_back(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bytes:
    writer.write(b"hello\n")
    return await reader.readline()


async def test_a_new_pair_is_taken_and_connections_go_on(pair: Path) -> None:
    certificate = ServerCertificate(pair / "server.pem", None)
    async with a_server(certificate) as port:
        before = await connected(port, pair / "ca.pem")
        assert not certificate.take_if_changed()
        write_certificates(pair)
        assert certificate.take_if_changed()
        after = await connected(port, pair / "ca.pem")
        assert serial(before[1]) != serial(after[1])
        assert [await said_back(*before), await said_back(*after)] == [b"hello\n"] * 2
        for _, writer in (before, after):
            writer.close()


BROKEN = {
    "half of it": lambda folder: (folder / "server.pem").write_bytes((folder / "server.pem").read_bytes()[:300]),
    "gone": lambda folder: (folder / "server.pem").unlink(),
    "the key of another": lambda folder: shutil.copy(folder / "client.pem", folder / "server.pem"),
}


@pytest.mark.parametrize("broken", BROKEN.values(), ids=list(BROKEN))
async def test_a_broken_pair_is_not_taken_and_a_whole_one_is_later(pair: Path, broken: object) -> None:
    certificate = ServerCertificate(pair / "server.pem", None)
    async with a_server(certificate) as port:
        shutil.copy(pair / "ca.pem", pair / "old.pem")
        broken(pair)  # type: ignore[operator]
        assert not certificate.take_if_changed()
        _, writer = await connected(port, pair / "old.pem")
        writer.close()
        write_certificates(pair)
        assert certificate.take_if_changed()
        _, writer = await connected(port, pair / "ca.pem")
        writer.close()


async def test_older_than_tls_1_2_is_refused(pair: Path) -> None:
    certificate = ServerCertificate(pair / "server.pem", None)
    assert certificate.context.minimum_version is ssl.TLSVersion.TLSv1_2
    async with a_server(certificate) as port:
        _, writer = await connected(port, pair / "ca.pem", ssl.TLSVersion.TLSv1_2)
        writer.close()


def test_what_cannot_be_used_is_said_before_the_gateway_starts(pair: Path) -> None:
    with pytest.raises(CertificateUnusable, match=r"TOCSIN_TLS_CERTIFICATE.*there\.pem cannot be used: No such file"):
        ServerCertificate(pair / "there.pem", None)
    with pytest.raises(CertificateUnusable, match="key"):
        ServerCertificate(pair / "client.pem", pair / "ca.pem")
    with pytest.raises(SettingsInvalid, match="TOCSIN_TLS_KEY"):
        load_settings(tls_key=pair / "client.key")


def told(settings: Settings, days: float = 0) -> dict[str, str]:
    return {
        check.name: check.level.value for check in access_checks(settings, datetime.now(UTC) + timedelta(days=days))
    }


def test_doctor_says_how_long_it_holds(tmp_path: Path) -> None:
    write_certificates(tmp_path, days=30)
    settings = Settings(tls_certificate=tmp_path / "server.pem")
    assert told(settings)["certificate"] == "ok"
    assert told(settings, 20)["certificate"] == "warn"
    assert told(settings, 31)["certificate"] == "FAIL"
    (tmp_path / "server.pem").write_text("no certificate")
    assert told(settings)["certificate"] == "FAIL"


@pytest.mark.parametrize(
    ("said", "levels"),
    [
        pytest.param({}, {"access": "ok"}, id="on this machine alone"),
        pytest.param({"public_url": "https://bus.example"}, {"access": "ok"}, id="behind a proxy"),
        pytest.param(
            {"public_url": "https://bus.example", "anonymous": "loopback"}, {"access": "warn"}, id="behind one, no key"
        ),
        pytest.param({"host": "0.0.0.0"}, {"access": "ok", "tls": "warn"}, id="everywhere, in plain text"),
    ],
)
def test_doctor_says_who_needs_no_key(said: dict[str, str], levels: dict[str, str]) -> None:
    assert told(Settings(**said)) == levels  # type: ignore[arg-type]
