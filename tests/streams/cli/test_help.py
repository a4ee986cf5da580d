"""Every command explains itself, stands in the README, and is quick to."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib import import_module
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner

from tocsin.streams.cli.main import COMMANDS, application

Tocsin = Callable[..., "subprocess.CompletedProcess[str]"]
README = Path(__file__).parents[3] / "README.md"
HEAVY = ("aiokafka", "faust", "fastapi", "pydantic", "aiohttp", "cel", "jgo")


def groups() -> list[tuple[str, str]]:
    """(group, command) of `tocsin topics plan` and its like."""
    found = []
    for name, (module, _) in COMMANDS.items():
        app = getattr(import_module(f"tocsin.streams.cli.{module}"), "app", None)
        if isinstance(app, typer.Typer):
            for command in app.registered_commands:
                assert command.callback
                found.append((name, command.name or command.callback.__name__))
    return found


@pytest.mark.parametrize("words", [*((name,) for name in COMMANDS), *groups()], ids=" ".join)
def test_help(words: tuple[str, ...]) -> None:
    ended = CliRunner().invoke(application(words[0]), [*words, "--help"], prog_name="tocsin")
    assert ended.exit_code == 0
    assert ended.stdout.startswith(f"Usage: tocsin {' '.join(words)}")
    assert len(ended.stdout.splitlines()) > 5


@pytest.mark.parametrize("name", COMMANDS)
def test_the_readme_has_it(name: str) -> None:
    assert re.search(rf"\btocsin {name}\b", README.read_text("utf-8"))


@pytest.mark.parametrize("words", groups(), ids=" ".join)
def test_the_readme_has_what_it_can(words: tuple[str, str]) -> None:
    group, command = words
    assert re.search(rf"\btocsin {group} (\S+, `)*{command}\b", README.read_text("utf-8"))


def test_the_list_has_all_and_the_exit_codes(tocsin_process: Tocsin) -> None:
    ended = tocsin_process("--help")
    assert all(re.search(rf"^  {name} ", ended.stdout, re.MULTILINE) for name in COMMANDS)
    assert "69 a service is not reachable" in " ".join(ended.stdout.split())


def test_the_list_is_not_cut_on_a_narrow_terminal() -> None:
    ended = CliRunner().invoke(application(), ["--help"], prog_name="tocsin", env={"COLUMNS": "80"}, terminal_width=80)
    assert all(summary in ended.stdout for _, summary in COMMANDS.values())


def test_the_list_needs_no_library() -> None:
    code = (
        f"import sys; from tocsin.streams.cli.main import application; application(); "
        f"print([name for name in {HEAVY!r} if name in sys.modules])"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True).stdout == "[]\n"


def test_the_version(tocsin_process: Tocsin) -> None:
    assert re.fullmatch(r"tocsin \d+\.\d+\.\d+\S*\n", tocsin_process("--version").stdout)


# what stands on the line, and what the shell is offered
COMPLETED = {
    "commands": ("tocsin ru", "rules"),
    "commands of a group": ("tocsin rules ", "init check test schema"),
    "options": ("tocsin publish --ex", "--example"),
}


@pytest.mark.parametrize(("line", "offered"), COMPLETED.values(), ids=list(COMPLETED))
def test_the_shell_completes(line: str, offered: str) -> None:
    words = {"_TOCSIN_COMPLETE": "complete_bash", "COMP_WORDS": line, "COMP_CWORD": str(line.count(" "))}
    ended = subprocess.run(
        [str(Path(sys.executable).parent / "tocsin")],
        env=os.environ | words,
        capture_output=True,
        text=True,
        timeout=90,
    )
    assert set(offered.split()) <= set(ended.stdout.split())
