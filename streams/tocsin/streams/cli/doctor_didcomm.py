"""What `tocsin doctor` checks of DIDComm: whether our keys can be opened, and peers be told where we are."""

from __future__ import annotations

from urllib.parse import urlsplit

from tocsin.connectors.didcomm.config import PackerConfig
from tocsin.connectors.didcomm.faults import KeysUnusable
from tocsin.connectors.didcomm.packer import open_packer
from tocsin.connectors.didcomm.port import Packer
from tocsin.connectors.egress.proxy import ProxyRefused
from tocsin.connectors.sinks import SinkMisconfigured
from tocsin.connectors.sinks.didcomm import DidcommConfig
from tocsin.connectors.sinks.didcomm.config import packer_config as endpoint_packer
from tocsin.streams.cli.doctor_checks import Check, Level, of_this_machine
from tocsin.streams.processes.didcomm_packer import packer_config
from tocsin.streams.processes.rules_watch import own_addresses
from tocsin.streams.rulesfile import read_rules
from tocsin.streams.settings import Settings, SettingsInvalid

PAGE = "docs/didcomm.md"


async def didcomm_checks(settings: Settings) -> list[Check]:
    """Empty where nobody has made keys, and no endpoint needs any."""
    try:
        config = packer_config(settings)
        if config is None:
            return await _of_endpoints(settings, None)
        async with open_packer(config) as packer:
            return [await _of_keys(packer), *await _of_endpoints(settings, config)]
    except (KeysUnusable, SettingsInvalid, ProxyRefused) as unusable:
        return [Check("didcomm", Level.FAIL, str(unusable), f"see {PAGE}")]


async def _of_endpoints(settings: Settings, bus: PackerConfig | None) -> list[Check]:
    """One for each endpoint that tells peers and has not the keys for it; none for a rules file that cannot be used."""
    if settings.rules is None:
        return []
    book, _ = read_rules(settings.rules, own=own_addresses(settings))
    found = [] if book is None else sorted(book.endpoints.items())
    checks = [
        (name, await _lacks(endpoint.settings, bus))
        for name, endpoint in found
        if isinstance(endpoint.settings, DidcommConfig)
    ]
    return [Check("didcomm", Level.FAIL, f"endpoint {name}: {why}", f"see {PAGE}") for name, why in checks if why]


async def _lacks(endpoint: DidcommConfig, bus: PackerConfig | None) -> str:
    try:
        async with open_packer(endpoint_packer(endpoint, bus)) as packer:
            known = {who for one in packer.own for who in (one.name, one.did, one.verkey)}
    except (KeysUnusable, ProxyRefused) as unusable:
        return str(unusable)
    except SinkMisconfigured as wrong:
        return wrong.why
    return "" if endpoint.own is None or endpoint.own in known else "its `own` is none of our identities"


async def _of_keys(packer: Packer) -> Check:
    in_use = [one for one in packer.own if one.current]
    one_or_more = "identity" if len(in_use) == 1 else "identities"
    said = f"{len(in_use)} {one_or_more} in use, {len(packer.own) - len(in_use)} rotated"
    if not in_use:
        return Check("didcomm", Level.WARN, said, "make one: tocsin didcomm keys create")
    for one in in_use:
        services = (await packer.resolve(one.did)).services if one.did is not None else ()
        nowhere = [service.uri for service in services if of_this_machine(service.uri)]
        if nowhere:
            step = f"peers elsewhere cannot: tocsin didcomm keys rotate {one.name} --endpoint https://..."
            return Check("didcomm", Level.WARN, f"{said}; {one.name} is reached at {urlsplit(nowhere[0]).netloc}", step)
    return Check("didcomm", Level.OK, said)
