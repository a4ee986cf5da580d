"""`pip install tocsin` without extras: every command says what it needs, and none shows a traceback."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tocsin.streams.processes.exit_codes import code_of, message_of

WITHOUT = """
import sys

class Without:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {missing!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Without())
sys.argv[1:] = {arguments!r}
from tocsin.streams.cli.main import main
main()
"""

LIGHT = ("typer", "pydantic", "pydantic_settings", "rich", "faust", "aiohttp", "fastapi", "cel", "structlog")


@pytest.mark.parametrize(
    ("missing", "arguments"),
    [
        (LIGHT, ["--help"]),
        (LIGHT, ["publish"]),
        (LIGHT[1:], ["up"]),
        (("cel",), ["tail", "--filter", "true"]),
        (("rich",), ["up"]),
        (("fastapi",), ["gateway"]),
    ],
    ids=lambda words: " ".join(words),
)
def test_a_command_without_its_extras(missing: tuple[str, ...], arguments: list[str]) -> None:
    code = WITHOUT.format(missing=missing, arguments=arguments)
    environment = {"TOCSIN_BOOTSTRAP": "127.0.0.1:1"}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert ended.returncode == 78, ended.stderr
    assert "Traceback" not in ended.stderr
    assert "tocsin needs its extras for this command: pip install 'tocsin[all]'" in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_a_part_of_our_own_that_is_missing_is_a_fault_of_ours() -> None:
    assert code_of(ModuleNotFoundError("gone", name="tocsin.gone")) is None
    assert "jgo" in message_of(ModuleNotFoundError("gone", name="jgo.parse"))


def test_the_doctor_goes_on_without_the_libraries_of_didcomm(tmp_path: Path) -> None:
    (tmp_path / "didcomm-keys.json").write_text("{}")
    code = WITHOUT.format(missing=("aries_askar", "base58", "did_peer_2", "did_peer_4"), arguments=["doctor"])
    environment = {"TOCSIN_BOOTSTRAP": "127.0.0.1:1", "TOCSIN_HOME": str(tmp_path)}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)
    assert ended.returncode == 69, ended.stderr
    assert "DIDComm needs an extra: pip install 'tocsin[didcomm]'" in ended.stdout
    assert "Traceback" not in ended.stderr
