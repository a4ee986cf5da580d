"""`tocsin didcomm keys create | list | rotate | export | remove`: our own DIDs. No private key is ever printed."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any, Literal, cast

import typer
from msgspec.structs import replace

from tocsin.connectors.didcomm.faults import KeysUnusable
from tocsin.connectors.didcomm.packer import MISSING
from tocsin.connectors.printable import clipped
from tocsin.streams.cli.options import AsJson
from tocsin.streams.cli.output import show, show_json
from tocsin.streams.processes.didcomm_packer import keys_place, passphrase_of
from tocsin.streams.processes.exit_codes import USAGE, CommandFailed
from tocsin.streams.settings import Settings, load_settings

if TYPE_CHECKING:
    from tocsin.connectors.didcomm.encoding import Curve
    from tocsin.connectors.didcomm.keys import Identity

app = typer.Typer()

Name = Annotated[str, typer.Argument(help="What the identity is called here; `default` is used where none is named.")]
Endpoint = Annotated[
    str | None, typer.Option(help="Where peers reach us, or the DID of our mediator (TOCSIN_DIDCOMM_ENDPOINT).")
]
NoEndpoint = Annotated[bool, typer.Option("--no-endpoint", help="Peers cannot write to it: it only sends.")]
RoutingKey = Annotated[list[str] | None, typer.Option(help="A mediator's key or DID, the outermost first; repeatable.")]
Curves = Annotated[
    list[str] | None, typer.Option("--curve", help="Of encryption: X25519 (default), P-256, P-384, P-521.")
]
Method = Annotated[
    Literal["peer:2", "peer:4", "key", "web"],
    typer.Option(help="peer:2 most agents know; peer:4 is longer and has an Aries service too; key has no endpoint."),
]
MAX_NAME = 64


@app.command()
def create(
    name: Name = "default", method: Method = "peer:2", endpoint: Endpoint = None, no_endpoint: NoEndpoint = False,
    routing_key: RoutingKey = None, curve: Curves = None,
    did: Annotated[str | None, typer.Option(help="With --method web: under which its document is published.")] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Make keys and a DID of ours, and print the DID: that is what peers are given."""
    settings = _settings()
    if not name.isprintable() or not 0 < len(name) <= MAX_NAME or name.startswith("did:"):
        raise CommandFailed(USAGE, f"a name has 1 to {MAX_NAME} characters, and is no DID")
    uri = _endpoint(settings, method, endpoint, no_endpoint)

    def with_it(there: list[Identity]) -> tuple[list[Identity], Identity]:
        if any(one.name == name and one.current for one in there):
            why = f"{name} is there: `tocsin didcomm keys rotate {name}` gives it new keys; or give another name"
            raise CommandFailed(USAGE, why)
        made = _made(name, method, uri, routing_key or (), curve or ("X25519",), did, there)
        return [*there, made], made

    made = _change(settings, with_it, may_be_new=True)
    _tell(made, f"made in {keys_place(settings)}", as_json)


@app.command("list")
def list_keys(as_json: AsJson = False) -> None:
    """Our identities: name, whether it is in use, DID, verkey, when it was made."""
    found = _all(_settings())
    if as_json:
        return show_json({"identities": [_described(one) for one in found]})
    for one in found:
        made = datetime.fromtimestamp(one.made_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        use = "in use" if one.current else "rotated"
        show(f"{clipped(one.name, 20):<20} {use:<8} {made}  {clipped(one.did, 60):<60} {one.verkey or '-'}")
    return None


@app.command()
def rotate(
    name: Name = "default", endpoint: Endpoint = None,
    method: Annotated[
        Literal["peer:2", "peer:4", "key", "web"] | None, typer.Option(help="Another than it has.")
    ] = None,
    as_json: AsJson = False,
) -> None:  # fmt: skip
    """Give an identity new keys, and with them a new DID (a did:web keeps its own).

    The old keys open what still comes, and send where they are named, until `remove` takes them away.
    """
    settings = _settings()

    def rotated(there: list[Identity]) -> tuple[list[Identity], Identity]:
        old = next((one for one in there if one.name == name and one.current), None)
        if old is None:
            raise CommandFailed(USAGE, f"there is no {name} in use: `tocsin didcomm keys list` shows them")
        service = next((one for one in old.document.services if one.version == 2), None)
        uri = endpoint or (service.uri if service is not None else None)
        keys = service.routing_keys if service is not None and endpoint is None else ()
        curves = [key.public.curve for key in old.agreement()]
        kind = method or _method_of(old.did)
        made = _made(
            name, kind, None if kind == "key" else uri, keys, curves, old.did if kind == "web" else None, there
        )
        return [*(replace(one, current=False) if one is old else one for one in there), made], made

    made = _change(settings, rotated)
    _tell(made, "the keys before it still open what comes; tell peers the new DID", as_json)


@app.command()
def export(
    name: Name = "default",
    only_did: Annotated[bool, typer.Option("--did", help="Only the DID, as peers are given it.")] = False,
) -> None:
    """Print the DID document of an identity: to publish it (did:web), or for a peer. There is nothing secret in it."""
    from tocsin.connectors.didcomm.making import published

    one = _named(_all(_settings()), name)
    if only_did:
        return show(one.did)
    return show_json(published(one))


@app.command()
def remove(
    name: Annotated[str, typer.Argument(help="The DID or verkey of an identity; or the name of a rotated one.")],
    in_use: Annotated[bool, typer.Option("--in-use", help="Also one that is in use.")] = False,
    as_json: AsJson = False,
) -> None:
    """Take keys away for good: what was encrypted for them can never be opened again."""
    settings = _settings()

    def without(there: list[Identity]) -> tuple[list[Identity], Identity]:
        rotated = [one for one in there if one.name == name and not one.current]
        one = rotated[0] if len(rotated) == 1 else _named(there, name)
        if len(rotated) > 1:
            raise CommandFailed(
                USAGE, f"{name} has {len(rotated)} rotated ones: give a DID of `tocsin didcomm keys list`"
            )
        if one.current and not in_use:
            raise CommandFailed(USAGE, f"{name} is in use: --in-use takes it away all the same")
        return [each for each in there if each is not one], one

    gone = _change(settings, without)
    _tell(gone, "removed", as_json)


def _settings() -> Settings:
    try:
        import aries_askar  # noqa: F401  (before anything else says less about it)
    except ModuleNotFoundError:
        raise KeysUnusable(MISSING) from None
    return load_settings()


def _endpoint(settings: Settings, method: str, endpoint: str | None, no_endpoint: bool) -> str | None:
    if method == "key":
        if endpoint is not None:
            raise CommandFailed(USAGE, "a did:key has no endpoint: --method peer:2 has one")
        return None
    if no_endpoint:
        if endpoint is not None:
            raise CommandFailed(USAGE, "either --endpoint or --no-endpoint")
        return None
    known = endpoint or settings.didcomm_endpoint
    if known is None and settings.public_url is not None:
        known = f"{settings.public_url}/didcomm"
    if known is None:
        why = "where do peers reach us? --endpoint https://bus.example.org/didcomm, or --no-endpoint"
        raise CommandFailed(USAGE, why)
    if not known.startswith(("https://", "http://", "did:")) or not known.isprintable() or " " in known:
        raise CommandFailed(USAGE, "the endpoint is an http or https URL, or a DID")
    return known


def _made(
    name: str, method: Any, uri: str | None, routing_keys: Sequence[str], curves: Sequence[str], did: str | None,
    there: Sequence[Identity],
) -> Identity:  # fmt: skip
    from tocsin.connectors.didcomm.making import new_identity
    from tocsin.connectors.didcomm.packing import CURVES

    unknown = [curve for curve in curves if curve not in CURVES]
    if unknown:
        raise CommandFailed(USAGE, f"--curve is one of {', '.join(CURVES)}")
    newest = max((one.made_at for one in there), default=0)
    now = max(int(time.time()), newest + 1)  # a clock that was set back orders nothing anew
    try:
        return new_identity(
            name,
            method,
            now=now,
            uri=uri,
            routing_keys=routing_keys,
            curves=cast("Sequence[Curve]", curves),
            web_did=did,
        )
    except Exception as error:
        raise CommandFailed(USAGE, f"it cannot be made: {error}") from None


def _method_of(did: str) -> Literal["peer:2", "peer:4", "key", "web"]:
    if did.startswith("did:peer:"):
        return "peer:4" if did.startswith("did:peer:4") else "peer:2"
    return "web" if did.startswith("did:web:") else "key"


def _all(settings: Settings) -> Sequence[Identity]:
    from tocsin.connectors.didcomm.keys import KeyRing
    from tocsin.connectors.didcomm.stores import store_of

    return KeyRing(asyncio.run(store_of(keys_place(settings), passphrase_of(settings)).load())).identities


def _change(
    settings: Settings, change: Callable[[list[Identity]], tuple[list[Identity], Identity]], may_be_new: bool = False
) -> Identity:
    """Read, change and write, one command at a time; the identity that the change was about."""
    from tocsin.connectors.didcomm.stores import changing, store_of

    place = keys_place(settings)
    store = store_of(place, passphrase_of(settings))

    async def run() -> Identity:
        there = [] if may_be_new and not place.exists() else await store.load()
        identities, about = change(there)
        await store.save(identities)
        return about

    with changing(place):
        return asyncio.run(run())


def _named(there: Sequence[Identity], name: str) -> Identity:
    for one in sorted(there, key=lambda one: not one.current):
        if name in (one.name, one.did, one.verkey):
            return one
    raise CommandFailed(USAGE, f"there is no {clipped(name, 80)}: `tocsin didcomm keys list` shows them")


def _described(one: Identity) -> dict[str, Any]:
    return {
        "name": one.name,
        "did": one.did,
        "verkey": one.verkey,
        "current": one.current,
        "made_at": datetime.fromtimestamp(one.made_at, UTC).isoformat(),
        "endpoints": [service.uri for service in one.document.services],
        "curves": [key.public.curve for key in one.agreement()],
    }


def _tell(one: Identity, what: str, as_json: bool) -> None:
    if as_json:
        return show_json(_described(one))
    show(f"{one.name}: {what}")
    show(f"DID     {one.did}")
    return show(f"verkey  {one.verkey or '-'}")
