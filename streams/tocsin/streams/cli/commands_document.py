"""Writes docs/commands.md from the commands: `python -m tocsin.streams.cli.commands_document`, in the repository."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from typer.main import get_command

from tocsin.connectors.stability import mark_of, marks
from tocsin.streams.cli.main import COMMANDS, EXIT_CODES, UNTIL_STOPPED, application

FILE = Path("docs/commands.md")
"""Where the page lies in the repository."""

_HEAD = f"""# Commands

Written by `make documents` from `streams/tocsin/streams/cli/`: change that. `tocsin COMMAND --help` says the same.
Settings ([settings.md](settings.md)) hold for all of them. {EXIT_CODES}
A command says what is promised of it ([stability.md](stability.md)); an option says so where it is promised less.
`{"`, `".join(sorted(UNTIL_STOPPED))}` run until SIGINT or SIGTERM, and then end with 0.
"""


def document() -> str:
    """The whole page in Markdown: each command with what it takes."""
    return "\n".join([_HEAD, *(line for name in COMMANDS for line in _chapter(name))])


def _chapter(name: str) -> Iterator[str]:
    loaded: Any = get_command(application(name))
    yield from _command(f"tocsin {name}", loaded.commands[name], "##")


def _command(path: str, command: Any, level: str) -> Iterator[str]:
    usage = " ".join([path, *(piece for one in command.params if (piece := _argument(one)))])
    within: dict[str, Any] = getattr(command, "commands", {})
    yield f"{level} {path}\n"
    yield f"{_text(command.help)}\n"
    if not within:
        yield f"    {usage}\n"
        yield f"{str(mark_of('commands', path)).capitalize()}.\n"
    options = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    if options := [one for one in options if one.name != "help"]:
        yield from ("| option | what it is |", "| --- | --- |")
        yield from (f"| {_names(one)} | {_text(one.help)}{_default(one)}{_less(path, one)} |" for one in options)
        yield ""
    for name, one in within.items():
        yield from _command(f"{path} {name}", one, f"{level}#")


def _argument(parameter: Any) -> str:
    """How an argument stands in the usage line; an option does not, unless it must be said."""
    shown = (parameter.metavar or parameter.name).upper()
    if parameter.param_type_name == "argument":
        shown = f"{shown}..." if parameter.nargs == -1 else shown
        return shown if parameter.required else f"[{shown}]"
    return f"{max(parameter.opts, key=len)} {shown}" if parameter.required else ""


def _names(option: Any) -> str:
    names = " / ".join(f"`{one}`" for one in (*option.opts, *option.secondary_opts))
    return names if option.is_flag else f"{names} {option.metavar or option.name.upper()}"


def _default(option: Any) -> str:
    default = option.default
    if option.is_flag or default is None or default == [] or callable(default) or option.required:
        return ""
    return f" Default: `{getattr(default, 'value', default)}`."


def _less(path: str, option: Any) -> str:
    """What is promised of an option, where it is another thing than of its command."""
    mark = mark_of("commands", f"{path} {option.opts[0]}")
    return "" if mark == marks("commands").get(path) else f" {str(mark).capitalize()}."


def _text(text: str | None) -> str:
    return " ".join(inspect.cleandoc(text or "").split()).replace("|", "\\|")


if __name__ == "__main__":
    FILE.write_text(document(), "utf-8")
