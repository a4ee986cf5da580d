"""What tests of the hooks share: those of `sdk`, a Redis, and what was told as a story."""

from __future__ import annotations

import socket
import subprocess
from collections.abc import Iterator

import pytest

from tests.connectors.sdk.conftest import ended, memory  # noqa: F401 - fixtures
from tests.harness.extras import needs
from tests.harness.wiring import free_port
from tocsin.connectors import logs


@pytest.fixture(autouse=True)
def unhooked(monkeypatch: pytest.MonkeyPatch) -> None:
    """Which loggers are left to hooks is remembered for the process."""
    monkeypatch.setattr(logs, "HOOKED", {})


@pytest.fixture(scope="session")
def redis(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Redis of its own, which keeps nothing."""
    port, folder = free_port(), tmp_path_factory.mktemp("redis")
    command = [needs("redis-server"), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as server:
        try:
            _answers(server, port)
            yield f"redis://127.0.0.1:{port}"
        finally:
            server.terminate()


def _answers(server: subprocess.Popen[bytes], port: int) -> None:
    while server.poll() is None:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
        except OSError:
            continue
        return
    raise AssertionError("redis-server has ended")
