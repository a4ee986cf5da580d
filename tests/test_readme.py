"""The README's programs in Python run as printed."""

from __future__ import annotations

import re
import threading
import time
from http.server import HTTPServer
from pathlib import Path
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tocsin.connectors.publish import MemoryPublisher
from tocsin.connectors.webhooks import sign

PROGRAMS: list[str] = re.findall(
    r"```python\n(.*?)```", (Path(__file__).parents[1] / "README.md").read_text("utf-8"), re.DOTALL
)
SECRET = "whsec_" + "QUJD" * 8
BODY = b'{"type": "problem.opened", "data": {"tenant": "acme", "problem": {"code": "e.p.x"}}}'


def program(words: str) -> str:
    (found,) = [one for one in PROGRAMS if words in one]
    return found


def test_a_publisher(monkeypatch: pytest.MonkeyPatch) -> None:
    memory = MemoryPublisher(tenant="acme")
    monkeypatch.setattr("tocsin.connectors.publish.Publisher", lambda address, tenant: memory)
    exec(program("Publisher("), {"__name__": "readme"})
    assert len(memory.events) == 2


def test_a_receiver(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    servers: list[HTTPServer] = []
    monkeypatch.setattr(HTTPServer, "serve_forever", lambda server: servers.append(server))
    exec(program("verify(").replace("8799", "0").replace("whsec_...", SECRET), {"__name__": "readme"})
    (server,) = servers
    answered = []
    for secret in (SECRET, "whsec_" + "WFla" * 8):
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        headers = sign("w-1", int(time.time() * 1_000_000), BODY, [secret])
        try:
            with urlopen(Request(f"http://127.0.0.1:{server.server_port}/", BODY, headers), timeout=10) as answer:
                answered.append(answer.status)
        except HTTPError as refused:
            answered.append(refused.code)
        thread.join()
    server.server_close()
    assert answered == [204, 401]
    assert capsys.readouterr().out == "problem.opened acme {'code': 'e.p.x'}\n"
