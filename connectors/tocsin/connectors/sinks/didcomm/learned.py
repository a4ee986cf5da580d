"""What a sink learns of its peers while it runs, and forgets when it is closed: nothing depends on it but speed."""

from __future__ import annotations

from collections import OrderedDict

REMEMBERED = 10_000
"""Peers, and addresses of services, of which something is remembered: those last used."""


class _Recent(OrderedDict[str, str]):
    """The entries last used, so many of them."""

    def __init__(self, limit: int) -> None:
        super().__init__()
        self._limit = limit

    def recall(self, key: str) -> str | None:
        """The entry, which is used by that."""
        if key in self:
            self.move_to_end(key)
        return self.get(key)

    def keep(self, key: str, value: str | None) -> None:
        """Make it this; None: there is none."""
        self.pop(key, None)
        if value is not None:
            self[key] = value
        while len(self) > self._limit:
            self.popitem(last=False)


class Learned:
    """Which of several services of a peer took the last message, whose document may be too old, and which address takes
    only the old media type."""

    def __init__(self, limit: int = REMEMBERED) -> None:
        self._first, self._doubted, self._old = _Recent(limit), _Recent(limit), _Recent(limit)

    def begin_with(self, peer: str) -> str | None:
        """The URL of the service that is tried first; None: as its document has it."""
        return self._first.recall(peer)

    def next_time(self, peer: str, url: str | None) -> None:
        """From now on begin with this service of a peer; None: as its document has it."""
        self._first.keep(peer, url)

    def doubt(self, peer: str) -> None:
        """The document of this peer is to be looked up again."""
        self._doubted.keep(peer, "")

    def doubts(self, peer: str) -> bool:
        """Whether it is; said once."""
        return self._doubted.pop(peer, None) is not None

    def takes_old(self, url: str) -> bool:
        """Whether what stands at this address refused the media type of today, and took the old one."""
        return self._old.recall(url) is not None

    def note_old(self, url: str, takes_old: bool) -> None:
        """What it took."""
        self._old.keep(url, "" if takes_old else None)
