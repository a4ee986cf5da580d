"""What a service that only publishes or receives webhooks imports must do without the extras."""

from __future__ import annotations

import subprocess
import sys

import pytest

EXTRAS = {"aiohttp", "faust", "fastapi", "prometheus_client", "pydantic", "standardwebhooks", "starlette", "yarl"}


@pytest.mark.parametrize(
    "module",
    [f"tocsin.connectors.{name}" for name in ("publish", "webhooks", "dialects", "sinks", "sinks.memory", "mediation")],
)
def test_imports_no_extra(module: str) -> None:
    code = f"import sys, {module}; print(*sys.modules)"
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert not EXTRAS & {name.partition(".")[0] for name in shown.split()}
