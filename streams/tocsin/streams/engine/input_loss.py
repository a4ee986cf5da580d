"""Whether input was lost on its way to us, or is another input than the one that was read."""

from __future__ import annotations

from tocsin.streams.engine.partition import PartitionWriter
from tocsin.streams.engine.ports import LogUnavailable


async def refuse_loss(writer: PartitionWriter, start: int, until: int) -> None:
    """Nothing may lie between what we folded and `until`: whatever lost it on its way to us, it is read again. Raises
    LogUnavailable."""
    found = await writer.unread(start, until)
    if found is not None:
        raise LogUnavailable(f"the records from offset {found} to {until} did not reach us")


async def verify_input(writer: PartitionWriter) -> None:
    """Is it still the topic that we read? A hole in the offsets may be harmless (transaction markers) or a loss. Raises
    LogUnavailable."""
    verdict = await writer.check_mark()
    if verdict.input_changed:
        raise LogUnavailable(f"the input changed under us: {verdict.standing}")
