"""`tocsin erase`: what the store knows of a subject, or of a whole tenant, is deleted and does not come again."""

from __future__ import annotations

import asyncio
import sys
from time import time_ns
from typing import Annotated

import typer

from tocsin.connectors.printable import printable
from tocsin.connectors.store_address import StoreAddress
from tocsin.schemas.events import OverrideSet
from tocsin.schemas.ids import new_event_id
from tocsin.streams.cli.options import AsJson, By, Tenant, client_settings
from tocsin.streams.cli.output import show, show_error, show_json
from tocsin.streams.cli.settings_topic import settings_topic
from tocsin.streams.processes.exit_codes import CHECK_FAILED, USAGE, CommandFailed
from tocsin.streams.processes.project import open_database
from tocsin.streams.settings import Settings

SHORTEST = 3
"""Characters of a subject: a shorter one would be found by accident."""


def run(
    by: By,
    subject: Annotated[
        str | None, typer.Argument(help="A connection, wallet, record id or DID, exactly as it stands there.")
    ] = None,
    whole_tenant: Annotated[bool, typer.Option("--all", help="All of the tenant.")] = False,
    tenant: Tenant = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do not ask.")] = False,
    as_json: AsJson = False,
) -> None:
    """Delete from the store what names the subject, and what followed from it; it is not taken up again, either.

    Kafka keeps its records until their retention ends (docs/store.md#erasure).
    """
    if (subject is None) != whole_tenant:
        raise CommandFailed(USAGE, "say whom to erase: a SUBJECT, or --all for the whole tenant")
    if subject is not None and len(subject.strip()) < SHORTEST:
        raise CommandFailed(USAGE, f"the subject has fewer than {SHORTEST} characters")
    settings = client_settings(tenant=tenant)
    _confirmed(yes, settings.tenant, subject)
    counts = asyncio.run(_erase(settings, settings.store_address(), subject, by))
    if as_json:
        show_json({"tenant": settings.tenant, "rows": counts})
        return
    told = ", ".join(f"{number} of {name}" for name, number in counts.items()) or "nothing was there"
    show(f"erased: {told}; Kafka has its records until their retention ends (docs/store.md)")


def _confirmed(yes: bool, tenant: str, subject: str | None) -> None:
    if yes:
        return
    if not sys.stdin.isatty():
        raise CommandFailed(USAGE, "nobody is there to confirm it: say --yes")
    what = "everything" if subject is None else f"what names {printable(subject)}"
    show_error(f"Of tenant {printable(tenant)}, {what} is deleted from the store for good.")
    if not typer.confirm("Erase it?", err=True):
        raise typer.Exit(CHECK_FAILED)


async def _erase(settings: Settings, address: StoreAddress, subject: str | None, by: str) -> dict[str, int]:
    async with open_database(address) as database:
        # of the extra `store`, which `open_database` asks for
        from tocsin.streams.projector.erasing import erase
        from tocsin.streams.projector.erasures import ALL, SETTING, Erasure, subject_of, value_of

        now, tenant = time_ns() // 1000, settings.tenant
        whom = ALL if subject is None else subject_of(tenant, subject)
        event = OverrideSet(
            event_id=new_event_id(), tenant=tenant, occurred_at=now, recorded_at=now, setting=SETTING, by=by,
            override=f"{SETTING}/{tenant}/{whom}", value=value_of(Erasure(tenant, whom, now, by)),
        )  # fmt: skip
        # Kafka first: killed in between, nothing is erased, and the command is given again
        async with settings_topic(settings) as topic:
            await topic.put_override(event)
        counts = await database.write(lambda connection: erase(connection, tenant, subject, now, by))
        await database.settle()
        return counts
