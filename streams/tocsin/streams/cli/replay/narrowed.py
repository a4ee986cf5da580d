"""What a replay was narrowed to (`--tenant`, `--code`) is kept in its command, so that `--continue` sends no more than
was asked for. It stands before the words of who gave the command: `only {"tenant": "acme"}; it lost its disk`.

Total: words of a person that look like it are kept apart by an empty one before them.
"""

from __future__ import annotations

import json
from dataclasses import replace

from tocsin.connectors.commands.members import MAX_WHY
from tocsin.streams.cli.replay.log import Asked
from tocsin.streams.processes.exit_codes import USAGE, CommandFailed

_BEGINS = "only {"


def noted(asked: Asked, why: str | None) -> str | None:
    """Why, with what it is narrowed to. Raises CommandFailed(2) when both are more than a command holds."""
    only = ({"tenant": asked.tenant} if asked.tenant is not None else {}) | (
        {"code": sorted(asked.codes)} if asked.codes else {}
    )
    if not only and not (why or "").startswith(_BEGINS):
        return why
    said = f"only {json.dumps(only, ensure_ascii=False)}" + (f"; {why}" if why else "")
    if len(said) > MAX_WHY:
        raise CommandFailed(USAGE, f"--why, --tenant and --code are more than {MAX_WHY} characters: say less")
    return said


def continued(asked: Asked, why: str | None) -> Asked:
    """The same as was asked for when the command with this `why` was given. Raises CommandFailed(2) when something else
    is asked for now: what was sent already would not fit it."""
    tenant, codes = _only(why)
    given = (asked.tenant, asked.codes)
    if given not in ((None, frozenset()), (tenant, codes)):
        was = noted(replace(asked, tenant=tenant, codes=codes), None) or "neither --tenant nor --code"
        raise CommandFailed(
            USAGE, f"that replay was given with {was}: --continue keeps to it, leave --tenant and --code out"
        )
    return replace(asked, tenant=tenant, codes=codes)


def _only(why: str | None) -> tuple[str | None, frozenset[str]]:
    if why is None or not why.startswith(_BEGINS):
        return None, frozenset()
    try:
        found, _ = json.JSONDecoder().raw_decode(why, len(_BEGINS) - 1)
    except (ValueError, RecursionError):
        return None, frozenset()  # not by us: the words of a command that some other program wrote
    tenant, codes = found.get("tenant"), found.get("code")
    known = [one for one in codes if isinstance(one, str)] if isinstance(codes, list) else []
    return tenant if isinstance(tenant, str) else None, frozenset(known)
