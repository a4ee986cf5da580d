"""Idempotency keys that were used lately: another document under the same key is refused at once.

Kept in memory, of this gateway: what another gateway took, or this one before it was restarted, is found by the rules:
they notice the conflict (`ConflictNoticed` in the topic `problems`) and suppress the second document.
"""

from __future__ import annotations

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from tocsin.connectors.gateway.problems import INTERNAL, KEY_REUSED, UNCONFIRMED, Refusal

WINDOW = 24 * 3600.0
"""Seconds for which a key is remembered."""
MAX_KEYS = 50_000
"""How many keys are remembered, the latest; about 10 MB."""


class UsedKeys:
    """Event ids that were made of keys, each with the digest of its document. `clock` is in seconds."""

    def __init__(self, clock: Callable[[], float] = time.monotonic, most: int = MAX_KEYS) -> None:
        self._clock = clock
        self._most = most
        self._used: OrderedDict[str, tuple[bytes, float]] = OrderedDict()

    @contextmanager
    def use(self, event_id: str, document: bytes) -> Iterator[None]:
        """While the block runs the document is stored. Raises Refusal at once when another document has this id. A
        document that was certainly not stored does not count as one that used the key."""
        digest, now = hashlib.sha256(document).digest()[:16], self._clock()
        self._forget(now)
        used = self._used.get(event_id)
        if used is not None and used[0] != digest:
            raise Refusal(KEY_REUSED, event_id=event_id)
        if used is None:
            self._used[event_id] = (digest, now)
        try:
            yield
        except Refusal as refusal:
            if used is None and refusal.kind not in (UNCONFIRMED, INTERNAL):
                self._used.pop(event_id, None)
            raise
        self._used.setdefault(event_id, (digest, now))

    def _forget(self, now: float) -> None:
        while self._used:
            _, at = next(iter(self._used.values()))
            if now - at < WINDOW and len(self._used) < self._most:
                return
            self._used.popitem(last=False)
