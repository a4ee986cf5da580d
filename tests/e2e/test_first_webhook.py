"""The README's way to a first webhook, as printed, on other ports: a rules file, a receiver, the bus, an example."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

pytestmark = [pytest.mark.kafka, pytest.mark.timeout(240)]

README = Path(__file__).parents[2] / "README.md"
TOCSIN = str(Path(sys.executable).parent / "tocsin")


def steps() -> list[list[str]]:
    """The commands of the README's section, without their comments."""
    section = README.read_text("utf-8").partition("## A first webhook")[2]
    block = re.search(r"```\n(.*?)```", section, re.DOTALL)
    assert block
    return [line.partition("#")[0].split() for line in block[1].splitlines()]


def wait_for(file: Path, words: str) -> str:
    """What stands in the file as soon as these words do."""
    for _ in range(1800):
        if file.exists() and words in file.read_text("utf-8"):
            break
        time.sleep(0.1)
    text = file.read_text("utf-8")
    assert words in text, text
    return text


@pytest.mark.parametrize("rules", [True, False], ids=["by webhook", "without a rules file"])
def test_a_first_webhook(tmp_path: Path, bootstrap: str, prefix: str, rules: bool) -> None:
    init, receive, up, publish = steps()
    assert [words[:2] for words in (init, receive, up, publish)] == [
        [".venv/bin/tocsin", name] for name in ("rules", "receive", "up", "publish")
    ]
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TOCSIN_")}
    clean |= {"TOCSIN_BOOTSTRAP": bootstrap, "TOCSIN_PREFIX": prefix}  # a Kafka of its own is shown by test_up
    running: list[subprocess.Popen[bytes]] = []

    def run(words: list[str], *more: str) -> None:
        subprocess.run([TOCSIN, *words[1:], *more], cwd=tmp_path, env=clean, check=True, timeout=90)

    def start(name: str, words: list[str], *more: str) -> Path:
        told = tmp_path / f"{name}.txt"
        with told.open("wb") as out:
            running.append(
                subprocess.Popen([TOCSIN, *words[1:], *more], cwd=tmp_path, env=clean, stdout=out, stderr=out)
            )
        return told

    try:
        if rules:
            run(init)
            received = start("receive", receive, "--port", "0")
            at = re.search(r"at (http://\S+)", wait_for(received, "receiving at"))
            assert at
            file = tmp_path / "rules.yaml"
            file.write_text(file.read_text("utf-8").replace("http://127.0.0.1:8799/", at[1]), "utf-8")
            shown = start("up", up, "--port", "0")
        else:
            shown = received = start("up", up[:2], "--port", "0")
        wait_for(shown, "Tocsin is up")
        wait_for(shown, "pages      http://127.0.0.1:")
        run(publish)
        assert "boarding/registry-behind" in wait_for(received, "problem.opened")
        for process in reversed(running):
            process.send_signal(signal.SIGINT)
        assert [process.wait(90) for process in running] == [0] * len(running)
    finally:
        for process in running:
            process.kill()
            process.wait()
