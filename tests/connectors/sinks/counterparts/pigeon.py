"""A sink of another package, as somebody else would write it, and its other side: a loft, which is a file."""

from __future__ import annotations

import json
from collections.abc import Hashable, Mapping, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Self

from tocsin.connectors.sinks import Reason, Sink, make_sink
from tocsin.schemas.events import DeliveryAttempt

SOURCE = '''
"""Appends each delivery to a file."""

import json
from typing import Annotated

from msgspec import Meta, Struct

from tocsin.connectors.secrets import Secret
from tocsin.connectors.sinks import Delivered, Reason, RetryLater


class PigeonConfig(Struct, frozen=True, kw_only=True):
    """Flies to a loft."""

    loft: Annotated[str, Meta(min_length=1), "The file to which deliveries are appended."]
    ring: Annotated[str, Secret(), "What it carries round its foot."]
    height: Annotated[int, Meta(ge=1, le=100), "Metres."] = 10

    def __repr__(self):
        return f"PigeonConfig(loft={self.loft!r}, ring=***)"


class PigeonSink:
    Config = PigeonConfig

    def __init__(self, config):
        self.config = config

    async def __aenter__(self):
        return self

    async def deliver(self, attempt):
        try:
            with open(self.config.loft, "ab") as loft:
                line = json.dumps([self.config.ring, attempt.delivery_id, attempt.body.decode("latin-1")])
                loft.write(line.encode() + b"\\n")
        except (OSError, ValueError):
            return RetryLater(reason=Reason.SINK_FAILED)
        return Delivered()

    async def __aexit__(self, *_):
        return None
'''


def install(folder: Path) -> Path:
    """Make `folder` one of installed packages, with this sink."""
    (folder / "pigeon-1.0.dist-info").mkdir(parents=True)
    (folder / "pigeon.py").write_text(SOURCE)
    (folder / "pigeon-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: pigeon\nVersion: 1.0\n")
    entries = "[tocsin.sinks]\npigeon = pigeon:PigeonSink\n"
    (folder / "pigeon-1.0.dist-info" / "entry_points.txt").write_text(entries)
    return folder


class Loft:
    """A file in a folder that can go away."""

    kind = "pigeon"
    secrets: Sequence[str] = ("r1ng-s3cret",)
    failures: Mapping[str, Reason] = {"away": Reason.SINK_FAILED}
    never: Mapping[str, str] = {"hangs": "a file does not"}

    async def __aenter__(self) -> Self:
        self._folder = TemporaryDirectory()
        self._here, self._away = Path(self._folder.name, "here"), Path(self._folder.name, "away")
        self._here.mkdir()
        self.settings: dict[str, Any] = {"loft": str(self._here / "loft"), "ring": "r1ng-s3cret"}
        return self

    async def __aexit__(self, *error: object) -> None:
        self._folder.cleanup()

    def sink(self) -> Sink:
        return make_sink(self.kind, self.settings)

    async def turn(self, failure: str | None) -> None:
        if failure == "away":
            self._here.rename(self._away)
        elif self._away.exists():
            self._away.rename(self._here)

    def taken(self) -> Sequence[Hashable]:
        return [tuple(json.loads(line)[1:]) for line in (self._here / "loft").read_text().splitlines()]

    def form(self, attempt: DeliveryAttempt) -> Hashable:
        return attempt.delivery_id, attempt.body.decode("latin-1")
