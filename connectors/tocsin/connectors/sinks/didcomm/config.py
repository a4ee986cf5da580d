"""The settings of an endpoint that tells DIDComm peers."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

from msgspec import Meta
from msgspec.structs import replace

from tocsin.connectors.didcomm.config import PackerConfig
from tocsin.connectors.didcomm.packer import MISSING
from tocsin.connectors.egress.addresses import outgoing_url
from tocsin.connectors.egress.certificates import CaFile
from tocsin.connectors.egress.proxy import ProxyInFile
from tocsin.connectors.secrets import Place, Secret
from tocsin.connectors.sections import NOT_IN_FILE, Section, Text
from tocsin.connectors.sinks.base import SinkMisconfigured
from tocsin.connectors.sinks.didcomm.choosing import Wanted


class DidcommConfig(Section, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A DIDComm peer: a message, packed under our keys for it alone and posted to a service of its DID document."""

    keys: Annotated[
        Annotated[str, Place()] | None, "File (or Askar store) of our keys, instead of TOCSIN_DIDCOMM_KEYS."
    ] = None
    passphrase: Annotated[
        Annotated[str, Secret()] | None, "Of the Askar store that `keys` is: text, {env: NAME} or {file: PATH}."
    ] = None
    own: Annotated[Text | None, "Who says it, where no connection tells: a DID, verkey or name of our keys."] = None
    packing: Annotated[Wanted, "anoncrypt does not say who we are; signed can be read by anybody (v2 only)."] = (
        "authcrypt"
    )
    url: Annotated[Text | None, "Where the message is posted, instead of a service of the peer's document."] = None
    did_web: Annotated[bool, "Documents of did:web are fetched from their hosts."] = False
    allow_private: Annotated[bool, "Plain http, any port and private addresses are right for peers."] = False
    proxy: Annotated[ProxyInFile, "Through which peers are reached, instead of the file's own; none: directly."] = None
    ca_file: Annotated[
        CaFile | None, "PEM file of who signs peers' certificates, instead of whom the system trusts."
    ] = None
    timeout: Annotated[float, Meta(gt=0, le=15), "Seconds of an attempt, looking the peer up included."] = 15.0
    connect_timeout: Annotated[float, NOT_IN_FILE] = 5.0
    """Seconds of it until a connection stands."""

    def __repr__(self) -> str:
        """Without the passphrase, and without where it goes: a URL may hold a secret."""
        return f"DidcommConfig(keys={self.keys!r}, packing={self.packing!r})"


def check(config: DidcommConfig) -> None:
    """Raises SinkMisconfigured for settings that cannot work, and when the extra is not installed."""
    if find_spec("aries_askar") is None:
        raise SinkMisconfigured("didcomm", "sink", MISSING)
    if config.url is not None:
        try:
            outgoing_url(config.url, private=config.allow_private)
        except ValueError as error:
            raise SinkMisconfigured("didcomm", "url", str(error)) from None


def packer_config(config: DidcommConfig, bus: PackerConfig | None) -> PackerConfig:
    """How a packer is opened for an endpoint; `bus` is how the bus opens its own. Raises SinkMisconfigured."""
    if config.keys is not None:
        bus = replace(bus or PackerConfig(keys=Path()), keys=Path(config.keys), passphrase=config.passphrase)
    if bus is None:
        why = "there are no keys: make some with `tocsin didcomm keys create`, and set TOCSIN_DIDCOMM_KEYS"
        raise SinkMisconfigured("didcomm", "keys", why)
    return replace(
        bus,
        did_web=config.did_web or bus.did_web,
        allow_private=config.allow_private,
        proxy=config.proxy,
        ca_file=config.ca_file,
        timeout=min(config.timeout, bus.timeout),
        connect_timeout=min(config.timeout, bus.connect_timeout),
    )
