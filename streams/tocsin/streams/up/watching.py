"""`tocsin up --watch`: Prometheus and Grafana beside the bus, on loopback, with our rules and dashboards."""

from __future__ import annotations

import asyncio
import json
import secrets
import shutil
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ruamel.yaml import YAML

from tocsin.streams.settings import Settings
from tocsin.streams.up.beside import LOOPBACK, Beside, free_port
from tocsin.streams.up.scrape import deployed, scrape_config, targets_of
from tocsin.streams.up.supervisor import Where

PROMETHEUS_PORT, GRAFANA_PORT = 9090, 3000
"""The usual ports; when one is taken, or the gateway's is any, theirs is any free one."""

SHARES = (
    "/usr/share/grafana",
    "/usr/local/share/grafana",
    "/opt/homebrew/share/grafana",
    "/opt/homebrew/opt/grafana/share/grafana",
)
"""Where packages put what Grafana serves; an unpacked archive has it around its `bin`."""


@dataclass(frozen=True, slots=True)
class Watched:
    """The addresses of what runs; None for what does not."""

    prometheus: str | None
    grafana: str | None

    def document(self) -> dict[str, str | None]:
        """For a script."""
        return {"prometheus": self.prometheus, "grafana": self.grafana}


@asynccontextmanager
async def watching(settings: Settings, where: Where, progress: Callable[[str], None]) -> AsyncIterator[Watched]:
    """Prometheus and Grafana while the block runs, as far as they are on this machine and start; the bus needs neither.

    Their data and configuration are in `HOME/watch`. Raises OSError when that cannot be written.
    """
    folder = where.home / "watch"
    folder.mkdir(0o700, exist_ok=True)
    running: list[Beside] = []
    tasks: list[asyncio.Task[None]] = []

    async def add(made: Beside | None) -> str | None:
        if made is None:
            return None
        progress(f"starting {made.name}")
        running.append(made)
        if not await made.start():
            return None
        tasks.append(asyncio.create_task(made.watch()))
        return made.url

    try:
        prometheus = await add(_prometheus(settings, where, folder, progress))
        grafana = await add(_grafana(settings, where, folder, prometheus, progress)) if prometheus else None
        yield Watched(prometheus, grafana)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for one in reversed(running):
            await one.stop()


def _prometheus(settings: Settings, where: Where, folder: Path, progress: Callable[[str], None]) -> Beside | None:
    program = shutil.which("prometheus")
    if program is None:
        return None
    port = free_port(PROMETHEUS_PORT if settings.port else 0)
    config = folder / "prometheus.yaml"
    config.write_text(prometheus_config(settings, where.metrics), "utf-8")
    command = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'prometheus'}",
        f"--web.listen-address={LOOPBACK}:{port}",
        "--enable-feature=exemplar-storage",
    ]
    return Beside("prometheus", command, f"http://{LOOPBACK}:{port}", "/-/ready", where.logs, progress)


def prometheus_config(settings: Settings, metrics: Mapping[str, str]) -> str:
    """All of `prometheus.yml` for a bus whose processes have their metrics at these URLs."""
    scraped = scrape_config(targets_of(settings, metrics), settings.prefix)
    return f"global:\n  scrape_interval: 15s\n  evaluation_interval: 15s\n{scraped}\n"


def _grafana(
    settings: Settings, where: Where, folder: Path, prometheus: str, progress: Callable[[str], None]
) -> Beside | None:
    command = grafana_command()
    if command is None:
        return None
    port = free_port(GRAFANA_PORT if settings.port else 0)
    root = folder / "grafana"
    config = provision_grafana(root, prometheus, settings.public_url or where.api, port)
    return Beside(
        "grafana", [*command, f"--config={config}"], f"http://{LOOPBACK}:{port}", "/api/health", where.logs, progress
    )


def grafana_command() -> list[str] | None:
    """How Grafana's server is started on this machine; None when it is not there."""
    server, grafana = shutil.which("grafana-server"), shutil.which("grafana")
    program = server or grafana
    if program is None:
        return None
    around = str(Path(program).resolve().parent.parent)
    share = next((path for path in (around, *SHARES) if (Path(path) / "conf" / "defaults.ini").is_file()), None)
    return [program, *([] if server else ["server"]), *([] if share is None else [f"--homepath={share}"])]


def provision_grafana(root: Path, prometheus: str, page: str, port: int) -> Path:
    """Write all that Grafana needs into `root`: its configuration (the path is returned), the data source, the
    dashboards with the address of our pages. Raises OSError."""
    dashboards = root / "dashboards"
    provisioning = root / "provisioning"
    shutil.rmtree(dashboards, ignore_errors=True)  # those of an earlier release
    for made in (root, root / "data", root / "logs", root / "plugins", dashboards):
        made.mkdir(0o700, parents=True, exist_ok=True)
    for source in sorted((deployed() / "grafana" / "dashboards").glob("*.json")):
        (dashboards / source.name).write_text(with_page(source.read_text("utf-8"), page), "utf-8")
    templates = deployed() / "grafana" / "provisioning"
    _provision(templates, provisioning, "datasources", lambda made: made["datasources"][0].update(url=prometheus))
    _provision(
        templates, provisioning, "dashboards", lambda made: made["providers"][0]["options"].update(path=str(dashboards))
    )
    config = root / "grafana.ini"
    config.write_text(_ini(root, port), "utf-8")
    return config


def with_page(dashboard: str, page: str) -> str:
    """The JSON of a dashboard whose links lead to the pages at this address."""
    document = json.loads(dashboard)
    for variable in document["templating"]["list"]:
        if variable["name"] == "page":
            variable["query"] = page
            variable["current"] = {"selected": False, "text": page, "value": page}
    return json.dumps(document, indent=1)


def _provision(templates: Path, into: Path, kind: str, change: Callable[[Any], None]) -> None:
    yaml = YAML(typ="safe")
    document = yaml.load((templates / kind / "tocsin.yaml").read_text("utf-8"))
    change(document)
    (into / kind).mkdir(0o700, parents=True, exist_ok=True)
    with (into / kind / "tocsin.yaml").open("w", encoding="utf-8") as made:
        yaml.dump(document, made)


def _ini(root: Path, port: int) -> str:
    """Whoever reaches the loopback interface of this machine may look; to change things one logs in as `admin`, with
    the password in `admin.password`, made once."""
    password = root / "admin.password"
    if not password.exists():
        password.touch(0o600)
        password.write_text(secrets.token_urlsafe(24), "utf-8")
    sections: dict[str, dict[str, object]] = {
        "server": {"http_addr": LOOPBACK, "http_port": port},
        "paths": {
            "data": root / "data",
            "logs": root / "logs",
            "plugins": root / "plugins",
            "provisioning": root / "provisioning",
        },
        "security": {"admin_password": f"$__file{{{password}}}"},
        "auth.anonymous": {"enabled": "true", "org_role": "Viewer"},
        "users": {"allow_sign_up": "false"},
        "dashboards": {"default_home_dashboard_path": root / "dashboards" / "errors.json"},
        "analytics": {"reporting_enabled": "false", "check_for_updates": "false", "check_for_plugin_updates": "false"},
        "news": {"news_feed_enabled": "false"},
        "snapshots": {"external_enabled": "false"},
        "plugins": {"preinstall_disabled": "true"},
    }
    return "\n".join(
        "\n".join((f"[{name}]", *(f"{key} = {value}" for key, value in section.items()), ""))
        for name, section in sections.items()
    )
