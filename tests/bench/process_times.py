"""CPU seconds of processes, as the operating system accounts for them (/proc)."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

TICK = os.sysconf("SC_CLK_TCK")


def parent_and_seconds(stat: str) -> tuple[int, float]:
    """Of the text of /proc/PID/stat: the parent's id, and the CPU seconds in user and system mode.

    The name of the program stands there in brackets, and may have brackets and blanks itself.
    """
    fields = stat.rpartition(")")[2].split()
    return int(fields[1]), (int(fields[11]) + int(fields[12])) / TICK


def below(root: int, parents: Mapping[int, int]) -> Iterator[int]:
    """`root` and all processes that it, or one of them, has started; `parents`: id -> the parent's."""
    children: dict[int, list[int]] = {}
    for one, parent in parents.items():
        children.setdefault(parent, []).append(one)
    left = [root]
    while left:
        one = left.pop()
        yield one
        left += children.get(one, [])


def word_of(command: str, words: Iterable[str], otherwise: str) -> str:
    """The first of the words that stands in a command line."""
    return next((word for word in words if word in command), otherwise)


def cpu_below(root: int, words: Iterable[str] = (), otherwise: str = "other") -> dict[str, float]:
    """CPU seconds that `root` and the processes below it have used, by the first of `words` in their command line."""
    found: dict[int, tuple[int, float]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                found[int(entry.name)] = parent_and_seconds((entry / "stat").read_text())
            except OSError:  # it has just ended
                continue
    used: dict[str, float] = {}
    for pid in below(root, {pid: parent for pid, (parent, _) in found.items()}):
        try:
            command = Path(f"/proc/{pid}/cmdline").read_text().replace("\0", " ")
        except OSError:
            continue
        name = word_of(command, words, otherwise)
        used[name] = used.get(name, 0.0) + found.get(pid, (0, 0.0))[1]
    return used
