"""Run by test_names.py in a network and mount namespace of its own: the sink as it is, the system's own resolver, and a
real DNS server on port 53. Prints one JSON line: the reason of each delivery, by name."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.harness.name_server import NXDOMAIN, NameServer
from tests.harness.webhook_receivers import SECRET, attempt
from tocsin.connectors.sinks.webhook import WebhookConfig, WebhookSink

ZONE = {
    "public.example": ["93.184.216.34"],
    "private.example": ["127.0.0.1"],
    "mixed.example": ["93.184.216.34", "10.0.0.1"],
    "alias.example": ["cname:inside.example", "169.254.169.254"],
    "nobody.example": [NXDOMAIN],
    "127.0.0.1.nip.example": ["127.0.0.1"],
}


def rebinding(question: int) -> list[str]:
    """Public for the first question, private for each that follows."""
    return ["93.184.216.34"] if question == 0 else ["127.0.0.1"]


def a_world() -> None:
    """Loopback, and an address that is none of loopback's: without one the system looks no IPv4 name up."""
    for line in ("link set lo up", "addr add 198.51.100.7/24 dev lo"):
        subprocess.run(["ip", *line.split()], check=True, capture_output=True)
    folder = Path(tempfile.mkdtemp())
    (folder / "resolv.conf").write_text("nameserver 127.0.0.1\noptions timeout:2 attempts:1\n")
    (folder / "nsswitch.conf").write_text("hosts: dns\n")
    for name in ("resolv.conf", "nsswitch.conf"):
        subprocess.run(["mount", "--bind", folder / name, f"/etc/{name}"], check=True, capture_output=True)


async def main() -> None:
    found: dict[str, list[str]] = {}
    async with NameServer({**ZONE, "rebinding.example": rebinding}, port=53) as server:
        for name in (*ZONE, "rebinding.example"):
            config = WebhookConfig(url=f"https://{name}/", secrets=(SECRET,), connect_timeout=5, timeout=6)
            found[name] = []
            for _ in range(2):
                async with WebhookSink(config) as sink:  # opened anew: nothing is remembered
                    found[name].append(getattr(await sink.deliver(attempt()), "reason", "delivered"))
    sys.stdout.write(json.dumps({"reasons": found, "asked": sum(server.asked.values())}) + "\n")


if __name__ == "__main__":
    a_world()
    asyncio.run(main())
