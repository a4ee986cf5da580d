"""`tocsin didcomm mediate`: have a mediator take messages for us."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from tocsin.connectors.didcomm.faults import MessageUnfit, NoKey, Unpackable, Unresolvable
from tocsin.connectors.didcomm.mediator.enrolling import enrol
from tocsin.connectors.didcomm.mediator.messages import MediatorRefused
from tocsin.connectors.didcomm.packer import open_packer
from tocsin.connectors.http_outcomes import of_error
from tocsin.streams.cli.output import show, show_json
from tocsin.streams.processes.didcomm import mediator_of
from tocsin.streams.processes.didcomm_packer import keys_place, packer_config
from tocsin.streams.processes.exit_codes import BAD_CONFIGURATION, CHECK_FAILED, UNREACHABLE, CommandFailed
from tocsin.streams.settings import Settings, load_settings


def mediate(
    mediator: Annotated[str, typer.Argument(help="The mediator's DID.")],
    as_json: Annotated[bool, typer.Option("--json", help="The answer as JSON.")] = False,
) -> None:
    """Ask a mediator to take messages for our DID; prints the routing DID under which peers reach us through it.

    Then TOCSIN_DIDCOMM_MEDIATOR has the gateway fetch them.
    """
    settings = load_settings()
    own, routing = asyncio.run(_enrolled(settings, mediator))
    if as_json:
        show_json({"did": own, "mediator": mediator, "routing_did": routing})
        return
    show(f"the mediator takes messages for {own}")
    for each in routing:
        show(f"routing DID: {each}")
    show("peers reach us through it when our DID document names it as the serviceEndpoint's uri, or in routingKeys;")
    show(f"TOCSIN_DIDCOMM_MEDIATOR={mediator} has the gateway fetch what comes")


async def _enrolled(settings: Settings, did: str) -> tuple[str, list[str]]:
    config = packer_config(settings)
    if config is None:
        why = f"there are no keys at {keys_place(settings)}: make some with `tocsin didcomm keys create`"
        raise CommandFailed(BAD_CONFIGURATION, why)
    async with open_packer(config) as packer, mediator_of(settings, packer, did) as mediator:
        try:
            return mediator.own, await enrol(mediator, mediator.own)
        except (Unresolvable, NoKey, MessageUnfit) as error:
            raise CommandFailed(CHECK_FAILED, f"the mediator cannot be written to: {error}") from None
        except (MediatorRefused, Unpackable) as error:
            hint = "; TOCSIN_DIDCOMM_PRIVATE=true permits private addresses" if "no address" in str(error) else ""
            raise CommandFailed(CHECK_FAILED, f"the mediator {did[:60]} refuses: {error}{hint}") from None
        except Exception as error:  # of the network
            reason = of_error(error).reason.value
            raise CommandFailed(UNREACHABLE, f"the mediator {did[:60]} does not answer ({reason})") from None
