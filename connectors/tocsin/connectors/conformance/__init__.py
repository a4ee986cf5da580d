"""What every sink must hold, as checks that any test runner can run; this imports no test library.

Who writes a sink writes a `Counterpart`, the other side of it, real and on this machine, and runs each check with it
(async tests of pytest need pytest-asyncio or anyio):

    @pytest.mark.parametrize("check", CHECKS)
    async def test_pigeon(check, tmp_path):
        async with Loft(tmp_path) as loft:
            await CHECKS[check](loft)

A check raises NotConforming (an AssertionError), which says what the sink did. None depends on how long something
takes; the counterpart gives its sink short time-outs (below a second).
"""

from __future__ import annotations

from tocsin.connectors.conformance.attempts import ODD, attempt_of
from tocsin.connectors.conformance.checks import CHECKS
from tocsin.connectors.conformance.counterpart import Counterpart, NotConforming

__all__ = ["CHECKS", "ODD", "Counterpart", "NotConforming", "attempt_of"]
