"""`tocsin endpoint secret`: what it prints signs and verifies, and it is nowhere else."""

from __future__ import annotations

import json
import stat
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tocsin.connectors.webhooks import for_receivers, sign, verify

Tocsin = Callable[..., "subprocess.CompletedProcess[str]"]
NOW = 1_800_000_000_000_000


def test_a_shared_secret_is_one_line(tocsin: Tocsin) -> None:
    made = [tocsin("endpoint", "secret") for _ in range(2)]
    (one,), (other,) = (each.stdout.split() for each in made)
    verify(b"", sign("d", NOW, b"", [one]), [one], now=NOW)
    assert (one[:6], one != other, [each.stderr for each in made]) == ("whsec_", True, ["", ""])


def test_a_pair_is_two_lines(tocsin: Tocsin) -> None:
    signs, receivers = tocsin("endpoint", "secret", "--ed25519").stdout.split()
    assert (signs[:5], receivers) == ("whsk_", for_receivers(signs))
    made = json.loads(tocsin("endpoint", "secret", "--ed25519", "--json").stdout)
    assert made["receivers"] == for_receivers(made["signs"])


@pytest.mark.parametrize("kind", [(), ("--ed25519",)], ids=["v1", "v1a"])
def test_into_a_file_it_is_not_shown(tocsin: Tocsin, tmp_path: Path, kind: tuple[str, ...]) -> None:
    ended = tocsin("endpoint", "secret", *kind, "--file", "new.secret")
    file = tmp_path / "new.secret"
    secret = file.read_text().strip()
    assert (ended.returncode, secret in ended.stdout + ended.stderr) == (0, False)
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    public = tocsin("endpoint", "secret", "--public-of", "new.secret").stdout.strip()
    assert public == for_receivers(secret)
    if kind:
        assert ended.stdout.split()[-1] == public
    again = tocsin("endpoint", "secret", "--file", "new.secret")
    assert (again.returncode, "exists, and is left as it is" in again.stderr) == (2, True)
    assert file.read_text().strip() == secret


WRONG = {
    "no file": (("--public-of", "none"), 78, "none cannot be read: No such file"),
    "no secret": (("--public-of", "junk"), 78, "junk: a webhook secret"),
    "no text": (("--public-of", "bytes"), 78, "bytes: this is not text"),
    "two things at once": (("--public-of", "junk", "--ed25519"), 2, "either --public-of, or a new secret"),
    "no folder": (("--file", "none/here"), 2, "none/here cannot be written: No such file"),
}


@pytest.mark.parametrize(("options", "code", "said"), WRONG.values(), ids=list(WRONG))
def test_what_cannot_be_done(tocsin: Tocsin, tmp_path: Path, options: tuple[str, ...], code: int, said: str) -> None:
    (tmp_path / "junk").write_text("hunter2")
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    ended = tocsin("endpoint", "secret", *options)
    assert (ended.returncode, said in ended.stderr) == (code, True), ended.stderr
    assert "hunter2" not in ended.stderr


@pytest.mark.parametrize("level", ["debug", "info"])
def test_nothing_of_it_is_logged_or_kept(tocsin_process: Tocsin, tmp_path: Path, level: str) -> None:
    made = tocsin_process("endpoint", "secret", "--ed25519", LOG_LEVEL=level)
    signs, _ = made.stdout.split()
    assert made.stderr == ""
    kept = [path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()]
    assert not [content for content in kept if signs.encode() in content]
