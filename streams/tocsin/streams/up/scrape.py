"""What Prometheus is told: where every process of the bus is, labelled, and which rules and alerts there are."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from tocsin.streams.settings import Settings
from tocsin.streams.telemetry.probes import DISPATCH_PORT, PROJECT_PORT, WORKER_PORT

SCRAPE_INTERVAL = "15s"


def deployed() -> Path:
    """The folder `deploy` with the dashboards and the rules: beside the sources, or what the wheel has of it."""
    installed = Path(__file__).parent.parent / "deploy"
    return installed if installed.is_dir() else Path(__file__).parents[4] / "deploy"


def rule_files() -> list[Path]:
    """The recording and alert rules for Prometheus."""
    return sorted((deployed() / "prometheus").glob("*.rules.yaml"))


def targets_of(settings: Settings, running: Mapping[str, str] | None) -> dict[str, str | None]:
    """Process -> HOST:PORT of its metrics: where `tocsin up` says that they are (`running`: process -> URL), else
    where the settings put them; None where they may be anywhere."""
    urls = urls_of(settings, running)
    return {process: None if url is None else urlsplit(url).netloc for process, url in urls.items()}


def urls_of(settings: Settings, running: Mapping[str, str] | None) -> dict[str, str | None]:
    """Process -> URL of its metrics, as `targets_of` finds them."""
    if running:
        return dict(running)
    gateway = settings.port if settings.gateway_metrics_port is None else settings.gateway_metrics_port
    metrics = settings.metrics_port
    ports = {
        "gateway": gateway,
        "worker": WORKER_PORT if metrics is None else metrics,
        "dispatch": DISPATCH_PORT if metrics is None else metrics,
        "project": PROJECT_PORT if metrics is None else metrics,
    }
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    schemes = {"gateway": "https"} if settings.tls_certificate and settings.gateway_metrics_port is None else {}
    return {
        process: f"{schemes.get(process, 'http')}://{host}:{port}/metrics" if port else None
        for process, port in ports.items()
    }


@dataclass(frozen=True, slots=True)
class Gateway:
    """How the gateway's metrics are asked for: with a key, over TLS. With either it has a job of its own, so that no
    other process is sent the key."""

    keyed: bool = False
    secure: bool = False

    def job(self, target: Sequence[str], interval: str) -> list[str]:
        """That job; its series have `job="tocsin"` as the others."""
        key = [
            "    authorization:",
            "      credentials_file: /etc/prometheus/tocsin.key # a key with the scope metrics",
        ]
        return [
            "  - job_name: tocsin-gateway",
            f"    scrape_interval: {interval}",
            *(["    scheme: https"] if self.secure else []),
            *(key if self.keyed else []),
            "    static_configs:",
            *target,
        ]


NO_GATEWAY = Gateway()
SECOND_WORKER = '      # Another worker, here or elsewhere: its address beside this one, ["HOST:PORT", "HOST:PORT"].'


def scrape_config(
    targets: Mapping[str, str | None], prefix: str, interval: str = SCRAPE_INTERVAL, gateway: Gateway = NO_GATEWAY,
    notes: Mapping[str, str] | None = None,
) -> str:  # fmt: skip
    """The part of `prometheus.yml` about these processes; one whose port is not known is a comment, and so are the
    `notes` on each."""
    apart: list[str] = []
    lines = [
        "rule_files:",
        *(f'  - "{path}"' for path in rule_files()),
        "scrape_configs:",
        "  - job_name: tocsin",
        f"    scrape_interval: {interval}",
        "    static_configs:",
    ]
    for process, target in targets.items():
        if notes and process in notes:
            lines.append(f"      # {process}: {notes[process]}")
        elif target is None:
            lines.append(f"      # {process}: on any free port; set TOCSIN_METRICS_PORT (or TOCSIN_PORT)")
        if target is None:
            continue
        if process == "gateway" and gateway != NO_GATEWAY:
            labels = f'job: tocsin, process: gateway, bus: "{prefix.rstrip(".")}"'
            apart = gateway.job([f'      - targets: ["{target}"]', f"        labels: {{{labels}}}"], interval)
            continue
        lines.append(f'      - targets: ["{target}"]')
        lines.append(f'        labels: {{process: {process}, bus: "{prefix.rstrip(".")}"}}')
        if process == "worker":
            lines.append(SECOND_WORKER)
    return "\n".join([*lines, *apart])
