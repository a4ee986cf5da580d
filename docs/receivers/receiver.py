"""A receiver of webhooks in Python: nothing but the standard library and `pip install tocsin`.

    WEBHOOK_SECRETS="whsec_... whpk_..." python receiver.py 8799

Every request is checked, then done once, then answered 204; docs/receivers.md says why. `whpk_` needs tocsin[ed25519].
"""

from __future__ import annotations

import json
import logging
import os
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from tocsin.connectors.webhooks import (
    SeenIds,
    SignatureRefused,
    SqliteSeenIds,
    challenge_in,
    once,
    verify,
    verifying_key,
)

SECRETS = os.environ.get("WEBHOOK_SECRETS", "").split()
MAX_BODY = 1_000_000  # bytes; those of Tocsin are far smaller
log = logging.getLogger("receiver")


def work(told: dict[str, Any]) -> None:
    """What you do with it. Put it into a queue or a table if it takes longer than some seconds."""
    log.info("work %s", told.get("type"))


class Receiver(BaseHTTPRequestHandler):
    timeout = 15  # seconds that a client may be silent
    seen: SeenIds  # ids of what was done

    def do_POST(self) -> None:
        length = self.headers.get("content-length", "")
        if not length.isdigit() or int(length) > MAX_BODY:
            self.answer(413)
            return
        body = self.rfile.read(int(length))
        try:
            verified = verify(body, self.headers, SECRETS)
        except SignatureRefused as refused:
            log.info("refused %s", refused)
            self.answer(401)
            return
        if (challenge := challenge_in(body)) is not None:  # whether we want to be told at all: yes
            self.answer(200, challenge)
            return
        try:
            told = json.loads(body)
            if not isinstance(told, dict):
                raise ValueError("no object")
        except (ValueError, RecursionError):
            log.info("malformed")
            self.answer(400)  # it would be no better if it came again
            return
        try:
            with once(self.seen, verified.webhook_id) as new:  # noted when the block has ended well
                if new:
                    work(told)
        except Exception as error:
            log.info("failed %s", type(error).__name__)
            self.answer(503)  # it comes again
        else:
            self.answer(204)

    def answer(self, status: int, text: str = "") -> None:
        self.send_response(status)
        self.send_header("content-length", str(len(text)))
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *ignored: object) -> None:
        """No line for each request."""


if __name__ == "__main__":
    logging.basicConfig(level=logging.INFO, format="%(message)s", stream=sys.stdout)
    if not SECRETS or len(sys.argv) != 2:
        sys.exit('usage: WEBHOOK_SECRETS="whsec_... whpk_..." python receiver.py PORT')
    try:
        for secret in SECRETS:
            verifying_key(secret)
    except ValueError as error:  # one that cannot verify, before anything comes
        sys.exit(f"WEBHOOK_SECRETS: {error}")
    Receiver.seen = SqliteSeenIds("seen.db")
    with ThreadingHTTPServer(("127.0.0.1", int(sys.argv[1])), Receiver) as server:
        log.info("listening on %s", server.server_port)
        server.serve_forever()
