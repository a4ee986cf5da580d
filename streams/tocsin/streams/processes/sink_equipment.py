"""What the settings of a process give its sinks, besides what the rules file says of their endpoints."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec import Struct

from tocsin.connectors.didcomm.config import PackerConfig
from tocsin.connectors.people.action_links import ActionLinks, with_links
from tocsin.connectors.sinks import Sink
from tocsin.streams.processes.didcomm_packer import packer_config, tenants_of_keys
from tocsin.streams.processes.links import links_of
from tocsin.streams.settings import Settings


class SinkEquipment(Struct, frozen=True, kw_only=True):
    """Links for sinks whose readers are people; for those that tell DIDComm peers the keys of the bus, and whose they
    are."""

    links: ActionLinks | None = None
    keys: PackerConfig | None = None
    tenants: Mapping[str, str] = {}

    def on(self, sink: Sink) -> Sink:
        """The sink, with what it has an attribute for: `links`, `bus_keys`, `tenants`."""
        if hasattr(sink, "bus_keys"):
            sink.bus_keys = self.keys
        if hasattr(sink, "tenants"):
            sink.tenants = self.tenants
        return with_links(sink, self.links)


def equipment_of(settings: Settings) -> SinkEquipment:
    """What they say. Raises SettingsInvalid."""
    return SinkEquipment(links=links_of(settings), keys=packer_config(settings), tenants=tenants_of_keys(settings))
