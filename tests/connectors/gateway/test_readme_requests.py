"""The requests that README.md shows, sent by curl as printed to a gateway of its own."""

from __future__ import annotations

import asyncio

import pytest

from tests.connectors.gateway.conftest import Gateway
from tests.snippets.blocks import block

JSON = block("README.md", "json=").splitlines()[0]
# the block, how many problems it tells, and what is so of each of them
SENT = {
    "a problem": ("curl -i localhost:8700/v1/problems", 1, "https://example.org/errors/ledger-timeout"),
    "what is said beside the document": ('curl "localhost:8700/v1/problems?record_id=cred-7', 3, "cred-7"),
}


@pytest.mark.parametrize(("begins", "count", "said"), SENT.values(), ids=list(SENT))
async def test_as_printed(gateway: Gateway, begins: str, count: int, said: str) -> None:
    script = f"{JSON}\n{block('README.md', begins)}".replace("localhost:8700", f"127.0.0.1:{gateway.port}")
    process = await asyncio.create_subprocess_exec(
        "bash", "-euo", "pipefail", "-c", script.replace("curl ", "curl -sf "), stdout=asyncio.subprocess.PIPE
    )
    await process.communicate()
    told = [(one.problem.code, one.problem.source.record_id) for one in gateway.reported]
    assert (process.returncode, len(told)) == (0, count)
    assert all(said in one for one in told)
