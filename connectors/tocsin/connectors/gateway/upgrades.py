"""Requests that offer another protocol (`Upgrade: h2c`, `websocket`), read by httptools as if they did not: an offer
may be ignored, and is. httptools itself ends such a request with its head, and takes its body for the next request.
"""

from __future__ import annotations

from array import array
from typing import Any

import httptools


class RequestParser(httptools.HttpRequestParser):
    """Reads requests for a connection. The head of one that offers another protocol is read twice: the first time
    `should_upgrade` is true, and the connection must not start the request; then it is read as the connection's
    `head_without_offer`, and the body follows."""

    def __init__(self, connection: Any) -> None:
        self._connection = connection
        self._begin()

    def feed_data(self, data: bytes | bytearray | memoryview | array[int]) -> None:
        """Read on. Raises httptools.HttpParserError for what is not HTTP."""
        rest = memoryview(data)
        while True:
            try:
                super().feed_data(rest)
                return
            except httptools.HttpParserUpgrade as ended:
                rest = rest[ended.args[0] :]
            head = self._connection.head_without_offer()
            self._begin()
            super().feed_data(head)

    def _begin(self) -> None:
        """Forget all that was read."""
        super().__init__(self._connection)
        # As uvicorn has it: what is sent behind a request that ends the connection must not hinder its answer.
        self.set_dangerous_leniencies(lenient_data_after_close=True)
