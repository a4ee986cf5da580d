"""`tocsin didcomm`: what belongs to DIDComm on this machine."""

from __future__ import annotations

import typer

from tocsin.streams.cli import didcomm_keys, didcomm_mediate

app = typer.Typer()
app.add_typer(
    didcomm_keys.app, name="keys", help="Our keys and DIDs: create, list, rotate, export, remove.", no_args_is_help=True
)
app.command()(didcomm_mediate.mediate)


@app.callback()
def didcomm() -> None:
    """Nothing but the commands below it."""
