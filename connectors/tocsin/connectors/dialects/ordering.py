"""The order of messages in a thread, as each version of DIDComm says it, and as another can say it again.

v1 says it in the thread decorator: `sender_order` and `received_orders`, a map (RFC 0008), in the HIPE `seqnum`; v2 in
members of the message, `received_orders` as a list (DIDComm v2, "Advanced Sequencing").
"""

from __future__ import annotations

from collections.abc import Callable

from tocsin.connectors.dialects.answers import kept_value
from tocsin.connectors.dialects.members import fold
from tocsin.schemas.problem import Problem

ORDERS = ("seqnum", "sender_order", "received_orders")
"""The members that say it; extensions of these names, or within a decorator's, are read."""
DECORATORS = ("~thread", "@thread")


def order_of_v1(problem: Problem, dialect: str) -> dict[str, object]:
    """What a thread decorator of this dialect says of the order: verbatim where its own dialect or the HIPE says it
    again; RFC 0035 has `sender_order` for a `seqnum`."""
    said = _said(problem)
    received = said.get("received_orders")
    if isinstance(received, list):
        received = {one["id"]: one["last"] for one in received if _is_gap_detector(one)}
    if isinstance(received, dict):
        said["received_orders"] = {who: last for who, last in received.items() if _is_number(last)}
    if dialect != "hipe" and problem.dialect != dialect:
        said = _with_sender_order(said)
    return _usable(said, {"seqnum": _is_number, "sender_order": _is_number, "received_orders": _is_map})


def order_of_v2(problem: Problem) -> dict[str, object]:
    """What members of a message say of the order."""
    said = _with_sender_order(_said(problem))
    received = said.get("received_orders")
    if isinstance(received, dict):
        said["received_orders"] = [
            {"id": who, "last": last, "gaps": []} for who, last in received.items() if _is_number(last)
        ]
    return _usable(said, {"sender_order": _is_number, "received_orders": _is_list_of_gap_detectors})


def _said(problem: Problem) -> dict[str, object]:
    """The order as it was said, whoever said it: in a decorator, else beside it."""
    said: dict[str, object] = {}
    for name in problem.extensions:
        decorator, _, member = name.rpartition(".")
        if member in ORDERS and (not decorator or fold(decorator) in DECORATORS):
            value = kept_value(problem, name)
            if decorator or member not in said:
                said[member] = value
        elif fold(name) in DECORATORS:
            whole = kept_value(problem, name)
            if isinstance(whole, dict):
                said = {member: whole[member] for member in ORDERS if member in whole} | said
    return said


def _with_sender_order(said: dict[str, object]) -> dict[str, object]:
    """`seqnum` is what `sender_order` was called before RFC 0008."""
    rest = {name: value for name, value in said.items() if name != "seqnum"}
    return rest if "seqnum" not in said or "sender_order" in said else rest | {"sender_order": said["seqnum"]}


def _usable(said: dict[str, object], kinds: dict[str, Callable[[object], bool]]) -> dict[str, object]:
    return {name: said[name] for name, fits in kinds.items() if name in said and fits(said[name])}


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _is_map(value: object) -> bool:
    return isinstance(value, dict) and bool(value)


def _is_gap_detector(value: object) -> bool:
    return isinstance(value, dict) and isinstance(value.get("id"), str) and _is_number(value.get("last"))


def _is_list_of_gap_detectors(value: object) -> bool:
    return isinstance(value, list) and bool(value) and all(map(_is_gap_detector, value))
