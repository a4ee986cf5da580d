"""The locked list of Kafka's jars: exact Maven coordinates, size and SHA-256 of each (`kafka.lock.toml`)."""

from __future__ import annotations

import hashlib
import tempfile
import tomllib
from dataclasses import dataclass
from importlib.resources import files
from pathlib import Path
from typing import Any

LOCK_NAME = "kafka.lock.toml"


@dataclass(frozen=True, slots=True)
class Jar:
    """One locked jar: `coordinate` is `group:artifact:version`, `size` is in bytes, `sha256` is lower-case hex."""

    coordinate: str
    sha256: str
    size: int

    @property
    def file_name(self) -> str:
        """The jar's name in the cache, as Maven names it."""
        _, artifact, version = self.coordinate.split(":")
        return f"{artifact}-{version}.jar"

    def is_at(self, path: Path) -> bool:
        """Whether `path` holds exactly this jar, by size and SHA-256."""
        return path.is_file() and path.stat().st_size == self.size and sha256_of(path) == self.sha256


@dataclass(frozen=True, slots=True)
class Lock:
    """What was asked for (`roots`) and every jar that it takes, in class-path order."""

    roots: tuple[str, ...]
    jars: tuple[Jar, ...]

    @property
    def fingerprint(self) -> str:
        """Sixteen hex digits that change when any jar does."""
        return hashlib.sha256("\n".join(jar.sha256 for jar in self.jars).encode()).hexdigest()[:16]


def read_lock() -> Lock:
    """The lock that is shipped in this package."""
    return parse_lock(tomllib.loads(files(__package__).joinpath(LOCK_NAME).read_text("utf-8")))


def parse_lock(document: dict[str, Any]) -> Lock:
    """The lock in a parsed `kafka.lock.toml`; raises KeyError or TypeError if it has another shape."""
    return Lock(tuple(document["roots"]), tuple(Jar(**row) for row in document["jar"]))


def write_lock(lock: Lock) -> str:
    """The text of `kafka.lock.toml` for `lock`."""
    roots = "".join(f'  "{root}",\n' for root in lock.roots)
    rows = "".join(
        f'\n[[jar]]\ncoordinate = "{jar.coordinate}"\nsha256 = "{jar.sha256}"\nsize = {jar.size}\n' for jar in lock.jars
    )
    return f"# Made by `make lock-broker`; do not edit.\nroots = [\n{roots}]\n{rows}"


def sha256_of(path: Path) -> str:
    """The SHA-256 of a file, lower-case hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


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
