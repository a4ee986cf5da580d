"""Stands in for Grafana's server where only the handling of its process matters: takes `--config`, answers its health.
It shows no dashboard.
"""

from __future__ import annotations

import configparser
import sys
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

PROGRAM = "grafana-server"


def install(folder: Path) -> None:
    """Put it into this folder, which is then put into PATH."""
    folder.mkdir(exist_ok=True)
    program = folder / PROGRAM
    program.write_text(f'#!/bin/sh\nexec "{sys.executable}" "{__file__}" "$@"\n', "utf-8")
    program.chmod(0o755)


class _Answers(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200 if self.path == "/api/health" else 404)
        self.end_headers()


def main(arguments: list[str]) -> None:
    """Until it is killed."""
    [config] = [one.removeprefix("--config=") for one in arguments if one.startswith("--config=")]
    settings = configparser.ConfigParser(interpolation=None)
    settings.read_string(Path(config).read_text("utf-8"))
    server = settings["server"]
    HTTPServer((server["http_addr"], int(server["http_port"])), _Answers).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
