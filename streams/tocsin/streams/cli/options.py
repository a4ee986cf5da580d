"""The options that commands share, and the settings of those that are clients of a running bus."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated

import typer

from tocsin.streams.processes.exit_codes import USAGE, CommandFailed

if TYPE_CHECKING:
    from tocsin.connectors.dialects import Unreadable
    from tocsin.streams.settings import Settings


def _somebody(by: str | None) -> str | None:
    if by is not None and not by.strip():
        raise typer.BadParameter("nobody is named: a person or a program, such as --by ann")
    return by


By = Annotated[str, typer.Option(help="Who says so: a person or a program.", callback=_somebody)]
Why = Annotated[str | None, typer.Option(help="Why.")]
For = Annotated[str | None, typer.Option("--for", metavar="SPAN", help="For how long: 45s, 30m, 2h, 1h30m, 7d.")]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Until when: 2030-01-31T18:00:00Z.")]
Tenant = Annotated[str | None, typer.Option(help="The tenant (TOCSIN_TENANT).")]
Key = Annotated[str | None, typer.Option(help="The same key again counts once.")]
AsJson = Annotated[bool, typer.Option("--json", help="One JSON object.")]

Wait = Annotated[
    str, typer.Option(metavar="SPAN", help="How long to wait for what becomes of it (0s: not at all).")
]  # fmt: skip
PATIENCE = "10s"
"""How long a command waits for what becomes of it, when nothing is said."""

KEY = re.compile(r"[\x21-\x7e]{1,255}")
"""As the gateway takes an Idempotency-Key."""


def client_settings(**flags: object) -> Settings:
    """The effective settings with a bootstrap; from now on only warnings are logged. Raises as `located_settings`."""
    # Not with `--url`: these take a command longer than asking a gateway does.
    from tocsin.streams.telemetry.logs import set_up_logging
    from tocsin.streams.up.home import located_settings

    settings = located_settings(**flags)
    set_up_logging(settings.log_format, "warning")
    return settings


def checked_key(key: str | None) -> str | None:
    """The key; raises CommandFailed(2) for one that HTTP would refuse."""
    if key is not None and not KEY.fullmatch(key):
        raise CommandFailed(USAGE, "--idempotency-key is 1 to 255 visible ASCII characters, without spaces")
    return key


def usage_error(unreadable: Unreadable) -> CommandFailed:
    """A wrong member of a command as the wrong option that it came from."""
    name = unreadable.pointer.strip("/")
    where = f"--{name.replace('_', '-')}" if name and "/" not in name else name
    wrong = "is missing" if unreadable.reason == "missing_member" else "is wrong"
    return CommandFailed(USAGE, f"{where or 'the id'} {wrong}: expected {unreadable.expected}")
