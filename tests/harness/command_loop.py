"""The command line, many times in one process: each line of stdin is `[[arguments], {variables}]` as JSON, each line of
stdout `[exit code, what was said]`. Most of what a command takes is the import of its modules."""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys

from tocsin.streams.cli.main import main


def run(arguments: list[str], variables: dict[str, str]) -> tuple[int, str]:
    """The exit code of one command, and what it said on stdout and stderr."""
    said, code = io.StringIO(), 0
    sys.argv = ["tocsin", *arguments]
    os.environ.update(variables)
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        try:
            main()
        except SystemExit as ended:
            code = ended.code if isinstance(ended.code, int) else 0
    return code, said.getvalue()


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(*json.loads(line))), flush=True)
