"""`make test AGAIN=3`: runs pytest; when no more than so many tests failed, runs just these once more, alone.

A run of sixteen thousand tests with real processes fails now and then for a reason that lies with the machine. What
fails twice has failed. What passes the second time is named in the last lines, and is a fault to be looked for: it is
not passed over. By itself `make test` runs nothing again.
"""

from __future__ import annotations

import argparse
import subprocess
import sys

import pytest


class Failures:
    """Hears of every test, in the process that prints, and holds the names of those that failed, and whether a file of
    tests could not be read."""

    def __init__(self) -> None:
        self.names: dict[str, None] = {}
        self.unread = False

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self.unread = self.unread or report.failed

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.failed:
            self.names[report.nodeid] = None


def main(most: int, arguments: list[str]) -> int:
    """The exit code: pytest's own, or 0 when all that failed, `most` at the most, passed the second time."""
    failures = Failures()
    code = pytest.main(arguments, plugins=[failures])
    names = list(failures.names)
    if code != pytest.ExitCode.TESTS_FAILED or failures.unread or not 0 < len(names) <= most:
        return code
    print(f"\nonce more, alone: {' '.join(names)}\n", flush=True)
    again = subprocess.run([sys.executable, "-m", "pytest", "-m", "", *names], check=False)
    if again.returncode == 0:
        print("\n".join(f"FLAKY {name}: failed, and passed when it was run again" for name in names), flush=True)
    return again.returncode


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--most", type=int, required=True, help="how many failed tests are run once more")
    chosen, rest = parser.parse_known_args()
    raise SystemExit(main(chosen.most, rest))
