"""`tocsin endpoint secret`: what a webhook is signed with, and what its receivers are given."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from tocsin.connectors.files import read_file
from tocsin.connectors.secrets import MAX_SECRET_FILE
from tocsin.connectors.webhooks import for_receivers, new_key_pair, new_secret
from tocsin.streams.cli.options import AsJson
from tocsin.streams.cli.output import show, show_json
from tocsin.streams.processes.exit_codes import BAD_CONFIGURATION, USAGE, CommandFailed


def secret(
    ed25519: Annotated[
        bool, typer.Option("--ed25519", help="A pair (v1a): whsk_ signs, and receivers are given only whpk_.")
    ] = False,
    file: Annotated[
        Path | None, typer.Option(dir_okay=False, help="Write what signs to this new file (secret_file), unshown.")
    ] = None,
    public_of: Annotated[
        Path | None, typer.Option(dir_okay=False, help="What receivers are given, of the file of one that is there.")
    ] = None,
    as_json: AsJson = False,
) -> None:
    """Make a fresh secret for a webhook (secret, secret_env or secret_file of its endpoint) and print it.

    Without --ed25519 one line, whsec_, which the sender and its receivers share. With it two: whsk_, then its whpk_.
    Nothing is stored or logged; the next call makes another.
    """
    if public_of is not None:
        if ed25519 or file is not None:
            raise CommandFailed(USAGE, "either --public-of, or a new secret")
        receivers = _given_to_receivers(public_of)
        return show_json({"receivers": receivers}) if as_json else show(receivers)
    signing, receivers = new_key_pair() if ed25519 else (new_secret(),) * 2
    if file is not None:
        _write_new(file, signing)
        made = {"file": str(file), "receivers": receivers} if ed25519 else {"file": str(file)}
        lines = [f"{file}: what signs, for secret_file", *([receivers] if ed25519 else ())]
    else:
        made = {"signs": signing, "receivers": receivers}
        lines = list(dict.fromkeys((signing, receivers)))
    if as_json:
        return show_json(made)
    for line in lines:
        show(line)
    return None


def _given_to_receivers(file: Path) -> str:
    try:
        return for_receivers(read_file(file, MAX_SECRET_FILE).decode().strip())
    except OSError as error:
        raise CommandFailed(BAD_CONFIGURATION, f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise CommandFailed(BAD_CONFIGURATION, f"{file}: this is not text") from None
    except ValueError as error:
        raise CommandFailed(BAD_CONFIGURATION, f"{file}: {error}") from None


def _write_new(file: Path, secret: str) -> None:
    """For its user alone; a file that is there stays as it is."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        raise CommandFailed(USAGE, f"{file} exists, and is left as it is: give another name") from None
    except OSError as error:
        raise CommandFailed(USAGE, f"{file} cannot be written: {error.strerror}") from None
    with open(descriptor, "w", encoding="utf-8") as new:
        new.write(secret + "\n")
