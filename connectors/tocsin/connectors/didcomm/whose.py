"""Whose our identities are: some are one tenant's alone, and nobody else is heard or speaks under them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

from tocsin.connectors.didcomm.dids import same_did
from tocsin.connectors.didcomm.port import DEFAULT, OwnDid
from tocsin.schemas.errors import TocsinError


class NotTheirs(TocsinError):
    """A tenant would speak under an identity that is another's."""


def own_of(own: Iterable[OwnDid], *names: str | None) -> OwnDid | None:
    """Our identity that has one of these DIDs or verkeys."""
    return next((one for one in own for name in names if same_did(name, one.did) or same_did(name, one.verkey)), None)


def speaker(said: str | None, tenant: str, own: Sequence[OwnDid], tenants: Mapping[str, str]) -> str | None:
    """Under which identity a message of this tenant is sent: the one that is `said`, else its own one, else one that is
    nobody's; None for the default one. `tenants`: name of an identity -> whose it is. Raises NotTheirs."""
    if not tenants:
        return said
    theirs = [one for one in own if tenants.get(one.name, tenant) == tenant]
    if said is not None:
        if own_of(own, said) not in (None, *theirs):
            raise NotTheirs(f"tenant {tenant} may not speak as {said[:100]}")
        return said
    theirs.sort(key=lambda one: (one.name not in tenants, one.name != DEFAULT))
    found = next((one for one in theirs if one.current), None)
    if found is None:
        raise NotTheirs(f"each of our identities is of another tenant than {tenant}")
    return found.did or found.verkey
