"""What Prometheus is told to scrape: every process of the bus, labelled."""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlsplit

from tocsin.streams.settings import Settings
from tocsin.streams.telemetry.probes import DISPATCH_PORT, WORKER_PORT

SCRAPE_INTERVAL = "15s"


def targets_of(settings: Settings, running: Mapping[str, str] | None) -> dict[str, str | None]:
    """Process -> HOST:PORT of its metrics: where `tocsin up` says that they are (`running`: process -> URL), else
    where the settings put them; None where they may be anywhere."""
    if running:
        return {process: urlsplit(url).netloc for process, url in running.items()}
    gateway = settings.port if settings.gateway_metrics_port is None else settings.gateway_metrics_port
    metrics = settings.metrics_port
    ports = {
        "gateway": gateway,
        "worker": WORKER_PORT if metrics is None else metrics,
        "dispatch": DISPATCH_PORT if metrics is None else metrics,
    }
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    return {process: f"{host}:{port}" if port else None for process, port in ports.items()}


def scrape_config(targets: Mapping[str, str | None], prefix: str) -> str:
    """The part of `prometheus.yml` about these processes; one whose port is not known is a comment."""
    lines = [
        "scrape_configs:",
        "  - job_name: tocsin",
        f"    scrape_interval: {SCRAPE_INTERVAL}",
        "    static_configs:",
    ]
    for process, target in targets.items():
        if target is None:
            lines.append(f"      # {process}: on any free port; set TOCSIN_METRICS_PORT (or TOCSIN_PORT)")
            continue
        lines.append(f'      - targets: ["{target}"]')
        lines.append(f'        labels: {{process: {process}, bus: "{prefix.rstrip(".")}"}}')
    return "\n".join(lines)
