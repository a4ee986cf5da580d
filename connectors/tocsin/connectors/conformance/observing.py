"""What is seen of a sink from outside: what it says, what it holds, what it refuses."""

from __future__ import annotations

import asyncio
import contextlib
import io
import logging
import os
import threading
import traceback
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from tocsin.connectors.conformance.counterpart import NotConforming
from tocsin.connectors.sinks import SinkMisconfigured, make_sink


def refused(kind: str, settings: Mapping[str, Any], heard: io.StringIO) -> str | None:
    """The setting that is refused; None if all are taken."""
    try:
        make_sink(kind, settings)
    except SinkMisconfigured as refusal:
        print(refusal, refusal.args, "".join(traceback.format_exception(refusal)), file=heard)
        return refusal.field
    except Exception as error:
        raise NotConforming(f"wrong settings raise {type(error).__name__}, not SinkMisconfigured") from error
    return None


@contextlib.contextmanager
def overheard() -> Iterator[io.StringIO]:
    """All that Python logs and prints meanwhile, whatever the level."""
    heard, root = io.StringIO(), logging.getLogger()
    handler, level = logging.StreamHandler(heard), root.level
    root.addHandler(handler)
    root.setLevel(logging.NOTSET)
    try:
        with contextlib.redirect_stdout(heard), contextlib.redirect_stderr(heard):
            yield heard
    finally:
        root.removeHandler(handler)
        root.setLevel(level)


def held() -> Counter[str]:
    """How many tasks, threads and open files this process has; files where the system tells."""
    files = next((name for name in ("/proc/self/fd", "/dev/fd") if os.path.isdir(name)), None)
    counts = {"tasks": len(asyncio.all_tasks()), "threads": threading.active_count()}
    return Counter(counts | ({"files": len(os.listdir(files))} if files else {}))
