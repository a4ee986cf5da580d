"""Endpoints of the rules file, for the commands that also know those which were made while the bus runs."""

from __future__ import annotations

from collections.abc import Mapping
from time import time_ns
from typing import Any

import msgspec

from tocsin.connectors.printable import printable
from tocsin.streams.cli.endpoint_running import made_while_running, unknown
from tocsin.streams.cli.rows import rows_of
from tocsin.streams.processes.endpoint_standing import ENDPOINT_ROWS, standings_of
from tocsin.streams.processes.exit_codes import CHECK_FAILED, CommandFailed
from tocsin.streams.rules.config import Endpoint
from tocsin.streams.rules.state import EndpointRow
from tocsin.streams.rulesfile import read_rules
from tocsin.streams.settings import Settings


def endpoints_of_file(settings: Settings) -> Mapping[str, Endpoint]:
    """The endpoints of the rules file; none without one, or when it cannot be read here (a secret that only the bus
    has, a mistake while the rules before it hold)."""
    book = None if settings.rules is None else read_rules(settings.rules)[0]
    return {} if book is None else book.endpoints


async def check_known(settings: Settings, name: str) -> None:
    """Raises CommandFailed(1) for a name that nobody has, with a guess; without a rules file nobody knows that here.
    The worker refuses it, too, but later. Raises ServiceUnreachable."""
    known = endpoints_of_file(settings)
    if known and name not in known:
        made = [one.endpoint for one in await made_while_running(settings)]
        if name not in made:
            raise unknown(name, [*known, *made])


async def shown_of_file(settings: Settings, endpoint: Endpoint) -> dict[str, Any]:
    """One of the rules file, and how it stands by the changelog of `deliver`; of its sink's settings, which may hold
    secrets, none. Raises ServiceUnreachable."""
    rows = [row for _, row in await rows_of(settings, "deliver", ENDPOINT_ROWS) if isinstance(row, EndpointRow)]
    mine = [row for row in rows if row.endpoint == endpoint.name]
    standing: dict[str, Any] = msgspec.to_builtins(standings_of({endpoint.name: endpoint}, mine, time_ns() // 1000)[0])
    said = {"sink": endpoint.sink, "audience": endpoint.audience, "body": endpoint.body}
    return {"name": standing.pop("endpoint"), "file": str(settings.rules), **said, **standing}


def to_be_rotated_there(settings: Settings, endpoint: Endpoint) -> CommandFailed:
    """The failure for an endpoint whose secret is not ours to change."""
    how = "write the new secret into it, and the old one under `secrets`, which sign beside it"
    why = f"{printable(endpoint.name)} is an endpoint of the rules file {settings.rules}"
    return CommandFailed(CHECK_FAILED, f"{why}: {how}; the running bus reads the file anew")
