"""The pages of the gateway that tests of questions ask, as a browser sees them."""

from __future__ import annotations

from tests.streams.ask.conftest import lite, shown

__all__ = ["lite", "shown"]
