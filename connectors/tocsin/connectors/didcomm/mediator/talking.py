"""A conversation with a mediator: each message is packed for it, posted to its service, and answered there and then."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tocsin.connectors.didcomm.mediator.messages import MediatorRefused
from tocsin.connectors.didcomm.port import MAX_ENVELOPE, Packer, Service
from tocsin.connectors.egress.addresses import outgoing_url
from tocsin.connectors.egress.answers import Answer
from tocsin.connectors.egress.transport import Transport


class Mediator:
    """A mediator by its DID, to which we are `own`. `private`: whether its address may be a private one."""

    def __init__(self, packer: Packer, transport: Transport, did: str, own: str, *, private: bool = False) -> None:
        self.did, self.own = did, own
        self._packer, self._transport, self._private = packer, transport, private

    async def ask(self, message: Mapping[str, Any]) -> dict[str, Any]:
        """Its answer, opened, and surely its own. Raises MediatorRefused; Unresolvable, NoKey or MessageUnfit of the
        packing; Unpackable; and what `http_outcomes.of_error` takes."""
        packed = await self._packer.pack(message, self.did, self.own)
        service = self._chosen(await self._packer.reach(self.did))
        envelope = await self._packer.forward(packed, service)
        url = outgoing_url(service.uri, private=self._private)
        headers = {"content-type": envelope.media_type}
        answer = await self._transport.send("POST", url, headers, envelope.content, keep=MAX_ENVELOPE)
        return await self._opened(answer, message["id"])

    def _chosen(self, services: Any) -> Service:
        for each in services:
            if each.version != 2 or not each.uri.startswith(("http://", "https://")):
                continue
            try:
                outgoing_url(each.uri, private=self._private)
            except ValueError:
                continue
            found: Service = each
            return found
        raise MediatorRefused("its DID document has no address that we may post to")

    async def _opened(self, answer: Answer, thread: str) -> dict[str, Any]:
        if not 200 <= answer.status < 300:
            raise MediatorRefused(f"it answers with HTTP status {answer.status}")
        if answer.cut:
            raise TooMuch
        if not answer.body:
            raise MediatorRefused("it answers with nothing, though we asked for an answer (return_route)")
        opened = await self._packer.unpack(answer.body)
        if not opened.how.authenticated or opened.sender != self.did:
            raise MediatorRefused("its answer is not proven to be its own")
        if opened.message.get("thid") != thread and opened.message.get("pthid") != thread:
            raise MediatorRefused("its answer is to another question")
        return opened.message


class TooMuch(MediatorRefused):
    """The answer is larger than is opened: fewer messages at a time are less."""

    def __init__(self) -> None:
        super().__init__("its answer is too large")
