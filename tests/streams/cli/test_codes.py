"""`tocsin codes`: the catalogue at the terminal."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable

import pytest

Tocsin = Callable[..., "subprocess.CompletedProcess[str]"]

# arguments, exit code, what stdout or stderr contains
ENDINGS = {
    "the list": (["list"], 0, "e.p.trust "),
    "the list of one source": (["list", "--source", "jsonrpc", "--language", "de"], 0, "-32601"),
    "a source that is none": (["list", "--source", "gossip"], 2, "didcomm-v2"),
    "one code": (["show", "e.p.cryto.dejavu", "--language", "de-AT"], 0, "match: alias"),
    "a code that begins with a hyphen": (["show", "-50409", "--language", "ko"], 0, "DWN 서버에서 충돌"),
    "a code that nobody knows": (["show", "e.p.\x1b[31mfnord"], 65, "no e.p.fnord"),
    "a check": (["lint"], 0, "nothing to say"),
}


@pytest.mark.parametrize(("arguments", "code", "says"), ENDINGS.values(), ids=ENDINGS)
def test_ending(tocsin: Tocsin, arguments: list[str], code: int, says: str) -> None:
    ended = tocsin("codes", *arguments)
    assert ended.returncode == code, ended.stderr
    assert says in ended.stdout + ended.stderr


def test_json(tocsin: Tocsin) -> None:
    listed = json.loads(tocsin("codes", "list", "--json", "--source", "identus-mediator").stdout)
    assert "e.p.req.not_enroll" in [entry["code"] for entry in listed["codes"]]
    shown = json.loads(tocsin("codes", "show", "e.p.me.res.storage.full", "--json", "--language", "fr").stdout)
    assert (shown["match"], shown["code"], shown["language"]) == ("prefix", "e.p.me.res.storage", "fr")
    assert json.loads(tocsin("codes", "lint", "--json").stdout) == {"findings": []}
