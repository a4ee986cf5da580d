"""Which process begins with which test, so that none is left alone with a long one in the end.

`--dist worksteal` gives each process a run of neighbours, and takes from the end of the longest run for who has nothing
left. So each run begins with its share of the tests that may take long, which are those with a longer time-out than
the usual one.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from itertools import islice

import pytest


def longest(item: pytest.Item) -> float:
    """Seconds that it may take, where that is longer than others may; else 0."""
    marker = item.get_closest_marker("timeout")
    seconds = float(marker.args[0]) if marker and marker.args else 0.0
    return seconds if seconds > float(item.config.getini("timeout")) else 0.0


def dealt(items: Sequence[pytest.Item]) -> list[pytest.Item]:
    """For the processes that there are; tests of one `xdist_group` stay together."""
    processes = int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", "1"))
    shares: list[list[pytest.Item]] = [[] for _ in range(processes)]
    seconds = dict.fromkeys(range(processes), 0.0)
    for group in sorted(_groups(items), key=lambda group: -max(map(longest, group))):
        least = min(seconds, key=seconds.__getitem__)
        seconds[least] += max(map(longest, group))
        shares[least] += group
    rest, left = iter([item for item in items if not longest(item)]), len(items)
    for number, share in enumerate(shares):
        share += islice(rest, max(0, left // (processes - number) - len(share)))
        left -= len(share)
    return [item for share in shares for item in share] + [*rest]


def _groups(items: Sequence[pytest.Item]) -> list[list[pytest.Item]]:
    groups: dict[str, list[pytest.Item]] = {}
    for item in items:
        if longest(item):
            marker = item.get_closest_marker("xdist_group")
            groups.setdefault(str(marker.args[0]) if marker else item.nodeid, []).append(item)
    return list(groups.values())
