"""`tocsin`: the table of its commands, and the one place where their failures are handled.

Only the module of the command that was asked for is imported: `tocsin --help` needs none.
"""

from __future__ import annotations

import os
import sys
import traceback
from importlib import import_module
from importlib.metadata import version
from typing import TYPE_CHECKING

from tocsin.streams.cli.output import show, show_error
from tocsin.streams.processes.early_signals import end_at_once
from tocsin.streams.processes.exit_codes import GAVE_UP, code_of, message_of

if TYPE_CHECKING:
    import typer

COMMANDS: dict[str, tuple[str, str]] = {
    "up": ("up", "The whole bus, with a Kafka of its own unless one is set."),
    "demo": ("demo", "Watch real reports travel through the whole bus, step by step."),
    "broker": ("processes", "Only the embedded Kafka, in the foreground."),
    "worker": ("processes", "The stream worker: decides, and schedules deliveries."),
    "gateway": ("processes", "The HTTP gateway: problems in, schemas and metrics out."),
    "dispatch": ("processes", "The dispatcher: makes the delivery attempts."),
    "project": ("project", "The projector: fills the store; makes it anew."),
    "erase": ("erase", "Erase what the store knows of a subject, or of a tenant."),
    "publish": ("publish", "Publish one problem document, or a file of them."),
    "receive": ("receive", "A webhook receiver that verifies and prints."),
    "tail": ("tail", "Watch the events of a topic."),
    "dead": ("dead.commands", "Dead letters: list, stats, show, replay, purge."),
    "replay": ("replay.command", "Send again what an endpoint was sent in a time."),
    "top": ("top.command", "Watch rates, cases, lag and endpoints in a terminal."),
    "cases": ("cases", "The open cases: how often, since when, who has taken them."),
    "acknowledge": ("answers", "Take a case: no further step of its escalation."),
    "resolve": ("answers", "Say that a case is over."),
    "snooze": ("answers", "Put a case off until a time."),
    "choose": ("answers", "Wait, retry or give up on a reply that does not come."),
    "silence": ("silence", "Silences: add, list, remove."),
    "endpoint": ("endpoint", "Endpoints: list, add, show, test, rotate, switch, remove."),
    "keys": ("keys", "API keys of the gateway: create, list, revoke, rotate."),
    "agents": ("agents.command", "Agents' webhooks: check whether they are set right."),
    "didcomm": ("didcomm", "Our DIDComm keys; a mediator that takes messages for us."),
    "read": ("dialects", "What the reader understands of a problem document."),
    "write": ("dialects", "A canonical problem in another dialect, strictly."),
    "codes": ("codes", "The catalogue of well-known codes: list, show, lint."),
    "topics": ("topics", "The topics of the bus: plan, apply, repartition."),
    "partitions": ("partitions", "Partitions that stand still: skip."),
    "schemas": ("schemas", "Check the event schemas, also against released ones."),
    "rules": ("rules", "The rules file: make one, check it, try it, its JSON Schema."),
    "config": ("config", "The effective settings, secrets masked."),
    "doctor": ("doctor", "Find out what is wrong, and what to do about it."),
}
"""Name -> (module in `tocsin.streams.cli`, what it does)."""

UNTIL_STOPPED = frozenset({"up", "demo", "broker", "worker", "gateway", "dispatch", "project", "receive", "top"})
"""Those that run until SIGINT or SIGTERM, and then end with exit code 0, also while they start."""

EXIT_CODES = (
    "Exit codes: 0 done, 1 check failed, 2 usage, 65 bad input, 69 a service is not reachable, 70 gave up, "
    "78 bad configuration."
)


def application(wanted: str | None = None) -> typer.Typer:
    """The command line; of its commands only `wanted` can be run, the others are there to be listed."""
    import typer  # of an extra: without it the command must say so, without a traceback

    app = typer.Typer(
        add_completion=True,
        no_args_is_help=True,
        rich_markup_mode=None,
        help="Tocsin, the error notification bus: kept in Kafka, explained, never lost.",
        epilog=EXIT_CODES,
    )

    def shown(wanted: bool) -> None:
        if wanted:
            show(f"tocsin {version('tocsin')}")
            raise typer.Exit

    @app.callback()
    def options(
        version: bool = typer.Option(False, "--version", is_eager=True, callback=shown, help="Show it and exit."),
    ) -> None:
        """Nothing but the options that stand before a command."""

    for name, (module, summary) in COMMANDS.items():
        if name != wanted:
            app.command(name, help=summary)(_listed)
            continue
        loaded = import_module(f"tocsin.streams.cli.{module}")
        if hasattr(loaded, "app"):
            app.add_typer(loaded.app, name=name, help=summary, no_args_is_help=True)
        else:
            app.command(name)(getattr(loaded, "run", None) or getattr(loaded, name))
    return app


def _listed() -> None:
    """Stands for a command that was not asked for."""


def main() -> None:
    """The console script. Never returns: exits with the command's code."""
    words = os.environ.get("COMP_WORDS", "").split() if "_TOCSIN_COMPLETE" in os.environ else sys.argv
    wanted = next((word for word in words[1:] if not word.startswith("-")), None)
    if wanted in UNTIL_STOPPED:
        end_at_once()
    try:
        application(wanted if wanted in COMMANDS else None)(prog_name="tocsin")
    except Exception as error:
        sys.exit(_failed(error))


def _failed(error: Exception) -> int:
    code = code_of(error)
    if code is None:
        traceback.print_exception(error)
        show_error("tocsin: this is a fault of ours; please report it with the lines above")
        return GAVE_UP
    if message := message_of(error):
        show_error(f"tocsin: {message}")
    return code


if __name__ == "__main__":
    main()
