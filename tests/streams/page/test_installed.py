"""The pages are in the wheel: templates and files are found where it is installed, and without Jinja2 there is JSON."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from zipfile import ZipFile

from tests.test_layout import ROOT

SAYS = """
from tocsin.streams.page import pages_of
import tocsin.streams.page
assert "unpacked" in tocsin.streams.page.__file__, tocsin.streams.page.__file__
pages = pages_of(None)
print(sorted(pages._environment.list_templates()), sorted(pages._files._paths))
"""
WITHOUT = """
import sys
sys.modules["jinja2"] = None
from tocsin.streams.page import pages_of
print(pages_of(None))
"""


def test_pages_are_in_the_wheel(tmp_path: Path) -> None:
    from hatchling.builders.wheel import WheelBuilder

    wheel = next(WheelBuilder(str(ROOT)).build(directory=str(tmp_path), versions=["standard"]))
    with ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "unpacked")
    paths = f"import sys; sys.path.insert(0, {str(tmp_path / 'unpacked')!r})\n"
    # -S: without what makes the source tree importable
    packages = f"sys.path += {[path for path in sys.path if 'site-packages' in path]!r}\n"
    said = subprocess.run(
        [sys.executable, "-I", "-S", "-c", paths + packages + SAYS], capture_output=True, text=True, check=False
    )
    assert said.returncode == 0, said.stderr
    assert "home.html" in said.stdout
    assert "tocsin.css" in said.stdout
    assert "live.js" in said.stdout


def test_without_jinja_there_is_json_alone() -> None:
    said = subprocess.run([sys.executable, "-c", WITHOUT], capture_output=True, text=True, check=False)
    assert (said.returncode, said.stdout.strip()) == (0, "None"), said.stderr
