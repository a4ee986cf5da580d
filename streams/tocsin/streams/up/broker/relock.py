"""Makes `kafka.lock.toml` again: resolves ROOT with jgo, downloads, hashes. For `make lock-broker` only."""

from __future__ import annotations

import tempfile
from pathlib import Path

from tocsin.streams.up.broker.jars import LOCK_NAME, Jar, Lock, sha256_of, write_lock

ROOT = "org.apache.kafka:kafka_2.13:4.1.1"
# Kafka's log goes through SLF4J; this binds it to the log4j that the same Kafka takes. Resolved apart and alone: as a
# second root its parent pom would manage kafka-clients down to 3.8.0.
BESIDE = "org.apache.logging.log4j:log4j-slf4j-impl:2.24.3"


def resolve() -> Lock:
    """Every jar that ROOT and BESIDE take, with the hashes of what the Maven repository gives now (10 s)."""
    from jgo.maven import MavenContext

    with tempfile.TemporaryDirectory() as scratch:
        context = MavenContext(repo_cache=Path(scratch), timeout=60)
        roots, others = context.resolver.resolve([context.create_dependency(ROOT)])
        beside = context.create_dependency(BESIDE)
        jars = [_jar(dependency.artifact) for dependency in (*roots, *others, beside)]
    return Lock((ROOT, BESIDE), tuple(jars))


def _jar(artifact: object) -> Jar:
    path: Path = artifact.resolve()  # type: ignore[attr-defined]
    coordinate = ":".join((artifact.groupId, artifact.artifactId, artifact.version))  # type: ignore[attr-defined]
    return Jar(coordinate, sha256_of(path), path.stat().st_size)


def main() -> None:
    """Writes the lock file beside this module."""
    lock = resolve()
    Path(__file__).with_name(LOCK_NAME).write_text(write_lock(lock), "utf-8")
    print(f"{LOCK_NAME}: {len(lock.jars)} jars, {sum(jar.size for jar in lock.jars) / 1e6:.1f} MB")


if __name__ == "__main__":
    main()
