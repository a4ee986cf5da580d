"""The site of the documentation: built strictly, so that every link and every heading that is linked to is there."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from ruamel.yaml import YAML

from deploy.site.source import ROOT, gather

CONFIG = ROOT / "deploy" / "site" / "mkdocs.yaml"


def build(tmp_path: Path) -> subprocess.CompletedProcess[str]:
    """Build the gathered pages of `tmp_path`."""
    yaml = YAML()
    yaml.preserve_quotes = True
    document = yaml.load(CONFIG.read_text("utf-8"))
    document |= {"docs_dir": str(tmp_path / "source"), "site_dir": str(tmp_path / "site")}
    with (tmp_path / "mkdocs.yaml").open("w") as file:
        yaml.dump(document, file)
    return subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", tmp_path / "mkdocs.yaml"],
        capture_output=True, text=True, check=False, env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
    )  # fmt: skip


def test_it_builds_without_a_warning(tmp_path: Path) -> None:
    gather(tmp_path / "source")
    done = build(tmp_path)
    assert done.returncode == 0, done.stderr[-3000:]
    assert (tmp_path / "site" / "docs" / "architecture.html").is_file()


def test_a_wrong_link_is_seen(tmp_path: Path) -> None:
    (tmp_path / "source").mkdir()
    links = "[a page](nowhere.html.md) and [a heading](README.md#nothing)"
    (tmp_path / "source" / "README.md").write_text(f"# Start\n\n{links}\n")
    done = build(tmp_path)
    assert done.returncode == 1
    assert "nowhere.html.md" in done.stderr
    assert "#nothing" in done.stderr


def test_every_page_is_in_the_navigation() -> None:
    text = CONFIG.read_text("utf-8")
    pages = sorted((ROOT / "docs").glob("*.md"))
    assert [page.name for page in pages if f"docs/{page.name}" not in text] == []
