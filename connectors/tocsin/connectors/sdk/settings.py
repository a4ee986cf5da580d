"""What `init` was told: arguments first, then variables TOCSIN_*, then defaults."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Any

log = logging.getLogger("tocsin.sdk")

OFF = ("off", "none", "no", "0", "false")
"""Values of TOCSIN_SPOOL that mean: none."""


@dataclass(frozen=True, slots=True)
class Settings:
    """`address`: of Kafka (HOST:PORT[,HOST:PORT...]) or of a gateway (a URL); empty: nothing is published. `spool`: a
    folder, None for none. `prefix`: of the topics. `more`: further arguments of Publisher or HttpPublisher."""

    address: str
    tenant: str
    service: str
    api_key: str | None
    spool: Path | None
    prefix: str
    variables: bool
    more: Mapping[str, Any]

    def __repr__(self) -> str:
        """Without the key."""
        return f"Settings({self.address!r}, tenant={self.tenant!r}, service={self.service!r}, spool={self.spool})"

    @property
    def over_http(self) -> bool:
        """Whether the address is a gateway's."""
        return "://" in self.address


def settings_of(
    address: str | None,
    tenant: str | None,
    service: str | None,
    api_key: str | None,
    spool: Path | str | bool | None,
    variables: bool,
    more: Mapping[str, Any],
    environment: Mapping[str, str],
) -> Settings:
    """What holds. Raises ValueError naming the argument or the variable."""
    found = address or environment.get("TOCSIN_URL") or environment.get("TOCSIN_BOOTSTRAP") or ""
    named = service or environment.get("TOCSIN_SERVICE") or _own_name()
    return Settings(
        address=found.strip(),
        tenant=tenant or environment.get("TOCSIN_TENANT") or "default",
        service=named,
        api_key=_secret(api_key or environment.get("TOCSIN_API_KEY")),
        spool=_spool(spool, named, environment),
        prefix=environment.get("TOCSIN_PREFIX", "tocsin."),
        variables=variables,
        more=more,
    )


def _own_name() -> str:
    name = PurePath(sys.argv[0] if sys.argv else "").stem
    return name if name and name not in ("-c", "-m", "__main__") else "service"


def _secret(said: str | None) -> str | None:
    """As everywhere in settings: itself, `env:NAME` or `file:PATH`. Raises ValueError without it."""
    if not said:
        return None
    kind, _, rest = said.partition(":")
    if kind == "env":
        if not os.environ.get(rest):
            raise ValueError(f"api_key: the variable {rest} is not set")
        return os.environ[rest]
    if kind == "file":
        try:
            return Path(rest).expanduser().read_text("utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"api_key: {rest} cannot be read: {error}") from None
    return said


def _spool(said: Path | str | bool | None, service: str, environment: Mapping[str, str]) -> Path | None:
    """The folder. Nothing said: one below the user's state, so that services of one user share none."""
    if said is None:
        said = environment.get("TOCSIN_SPOOL") or True
    if said is False or (isinstance(said, str) and said.lower() in OFF):
        return None
    if said is True:
        state = environment.get("XDG_STATE_HOME") or "~/.local/state"
        safe = "".join(one if one.isalnum() or one in "._-" else "_" for one in service).strip(".") or "service"
        return _home_of(Path(state) / "tocsin" / "spool" / safe[:64])
    return _home_of(Path(said))


def _home_of(path: Path) -> Path | None:
    """The path with `~` as the user's home; None where nobody knows one, as of a user that is only a number."""
    try:
        return path.expanduser()
    except RuntimeError:
        said = "there is no spool, so what cannot be sent will be lost: this user has no home (HOME): set TOCSIN_SPOOL"
        log.warning(said)
        return None
