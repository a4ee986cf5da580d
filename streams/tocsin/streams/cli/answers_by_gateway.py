"""Commands about a case by a gateway (`--url`): what it says became of them is told, and made an exit code."""

from __future__ import annotations

import json
from urllib.parse import quote

from tocsin.connectors.printable import printable
from tocsin.streams.cli.asked import Asked, line_of
from tocsin.streams.cli.options import checked_key
from tocsin.streams.cli.output import show, show_json
from tocsin.streams.cli.over_http import Answer, GatewayClient
from tocsin.streams.processes.exit_codes import (
    BAD_CONFIGURATION,
    CHECK_FAILED,
    GAVE_UP,
    UNREACHABLE,
    USAGE,
    CommandFailed,
)

NOT_DONE = {
    400: USAGE, 401: BAD_CONFIGURATION, 403: BAD_CONFIGURATION, 404: CHECK_FAILED, 409: CHECK_FAILED, 415: USAGE,
    422: USAGE, 504: GAVE_UP,
}  # fmt: skip
"""The exit code for each status of a command that was not done, or of which nobody knows; for others UNREACHABLE."""

_AT_ONCE = ("0", "0s")


def issue_by_gateway(url: str, asked: Asked) -> None:
    """Ask the gateway to carry out a command, and tell what it answers. Raises CommandFailed for what is not done."""
    keyed = {} if checked_key(asked.key) is None else {"idempotency-key": str(asked.key)}
    waiting = "" if asked.wait in _AT_ONCE else f"?wait={quote(asked.wait)}"
    path = f"/v1/problems/{quote(asked.target, safe=':')}/{asked.kind}{waiting}"
    said = json.dumps({name: value for name, value in asked.given.items() if value is not None}).encode()
    with GatewayClient(url, asked.tenant) as gateway:
        answer = gateway.post(path, said, **keyed)
    tell(answer, asked.as_json)


def tell(answer: Answer, as_json: bool) -> None:
    """Print what became of a command; raises CommandFailed when it was not done."""
    if as_json:
        show_json(answer.body | {"status": answer.status})
    if answer.status not in (200, 202):
        raise CommandFailed(NOT_DONE.get(answer.status, UNREACHABLE), answer.why)
    if as_json:
        return
    command = answer.body.get("event_id") or answer.body.get("silence")
    outcome = answer.body.get("outcome")
    if outcome is None:
        show(printable(str(command)))
    else:
        show(line_of(str(command), str(outcome), answer.body.get("detail"), answer.body.get("case")))
