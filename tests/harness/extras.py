"""Programs that only packages of Debian have, and what else tests are skipped without."""

from __future__ import annotations

import os
import shutil
from typing import NoReturn

import pytest

LANGUAGES = {
    "node": "install Node 18 or newer (Debian: apt-get install nodejs)",
    "go": "install Go 1.21 or newer (Debian: apt-get install golang)",
    "javac": "install a JDK of 17 or newer, the Java of the embedded Kafka cannot compile (Debian: apt-get install "
    "default-jdk-headless)",
}
"""What runs or compiles a language's receivers and publishers, and how to get it."""


def needs(*names: str, by: str = "make test-extras") -> str:
    """The path of a program, under the first of its names that is there. Without it the test is skipped, or fails where
    EXTRAS_REQUIRED is `yes`; `by` says how to get it."""
    for name in names:
        if found := shutil.which(name):
            return found
    return skip_without(names[0], by)


def skip_without(what: str, by: str) -> NoReturn:
    """Skip the test that runs, or fail it where EXTRAS_REQUIRED is `yes`; `by` says how to get what is not there."""
    missing = f"{what} is not here: {by}"
    if os.environ.get("EXTRAS_REQUIRED") == "yes":
        pytest.fail(missing)
    pytest.skip(missing)


def needs_language(tool: str) -> str:
    """The path of one of LANGUAGES, as `needs` has it."""
    return needs(tool, by=LANGUAGES[tool])
