"""A process of the bus as the child of `tocsin up`: `python -m tocsin.streams.up.child NAME SOCKET`.

Over the inherited socket come the settings, as one line of JSON. Back go lines while it recovers, then one when it is
ready, or one with the error. When the socket ends, the parent is gone, and the child ends too (on Linux the kernel ends
it at once).
"""

from __future__ import annotations

import json
import os
import signal
import socket
import sys
import threading
from typing import TYPE_CHECKING

from tocsin.streams.processes.early_signals import end_at_once
from tocsin.streams.processes.exit_codes import GAVE_UP, code_of, message_of

if TYPE_CHECKING:
    from tocsin.streams.processes.lifecycle import Ready, Recovering


def main(name: str, descriptor: int) -> int:
    """Runs the process to its end; its exit code."""
    end_at_once()
    # Only now: they take long to import, and a signal in the meantime has its handler.
    from tocsin.streams.processes.lifecycle import Recovering, run_process
    from tocsin.streams.settings import Settings

    with socket.socket(fileno=descriptor) as parent, parent.makefile("rw", encoding="utf-8") as lines:

        def send(document: dict[str, object]) -> None:
            lines.write(json.dumps(document) + "\n")
            lines.flush()

        def ready(what: Ready | Recovering) -> None:
            send({"recovering": what.what} if isinstance(what, Recovering) else what.document())

        try:
            settings = Settings.model_validate_json(lines.readline())
            threading.Thread(target=_end_with_parent, args=(parent,), daemon=True).start()
            run_process(name, settings, ready)
        except Exception as error:
            code = code_of(error)
            if code is None:
                send({"error": f"{type(error).__name__}: {error}", "exit_code": GAVE_UP})
                raise
            send({"error": message_of(error), "exit_code": code})
            print(f"tocsin {name}: {message_of(error)}", file=sys.stderr)
            return code
    return 0


def _end_with_parent(parent: socket.socket) -> None:
    while parent.recv(1024):
        pass
    os.kill(os.getpid(), signal.SIGKILL)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1], int(sys.argv[2])))
