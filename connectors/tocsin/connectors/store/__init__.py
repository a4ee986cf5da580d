"""The store: what the topics hold, as rows that answer questions. `tocsin project` writes it, the gateway reads it.

`Store(address_of(text)).reader(tenant)` is where reading begins. It needs the extra `store`, or `postgres`.
"""

from __future__ import annotations

from tocsin.connectors.store.cursors import CursorInvalid
from tocsin.connectors.store.database import StoreUnavailable
from tocsin.connectors.store.migrating import StoreTooNew, StoreTooOld
from tocsin.connectors.store.queries.cases import Case
from tocsin.connectors.store.queries.deliveries import Told
from tocsin.connectors.store.queries.problems import Filter
from tocsin.connectors.store.reader import Reader, Store
from tocsin.connectors.store.structs import status_of
from tocsin.connectors.store_address import (
    StoreAddress,
    StoreMisconfigured,
    address_of,
    checked_store,
    masked_store,
)

__all__ = [
    "Case",
    "CursorInvalid",
    "Filter",
    "Reader",
    "Store",
    "StoreAddress",
    "StoreMisconfigured",
    "StoreTooNew",
    "StoreTooOld",
    "StoreUnavailable",
    "Told",
    "address_of",
    "checked_store",
    "masked_store",
    "status_of",
]
