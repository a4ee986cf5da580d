"""What `tocsin doctor` finds out about the store: whether it is there, of this release, and filled."""

from __future__ import annotations

import time
from importlib.util import find_spec

from tocsin.schemas.errors import TocsinError
from tocsin.streams.cli.doctor_checks import Check, Level
from tocsin.streams.settings import Settings

QUIET = 3600.0
"""Seconds without any record after which it is said when the last one was: it may be nothing."""


async def store_checks(settings: Settings) -> list[Check]:
    """One check: the store, and when its last record was written to Kafka."""
    if find_spec("sqlalchemy") is None:
        return [Check("store", Level.WARN, "tocsin[store] is not installed", "pip install 'tocsin[store]'")]
    from tocsin.connectors.store import Store, StoreTooNew, StoreTooOld

    address = settings.store_address()
    if address.path is not None and not address.path.exists():
        step = "start `tocsin project`, or `tocsin up`: it makes it"
        return [Check("store", Level.WARN, f"{address.shown} is not there", step)]
    try:
        async with Store(address) as store:
            await store.reader(settings.tenant).first_at()  # asks for the schema, too
            progress = await store.progress()
    except StoreTooNew as newer:
        return [Check("store", Level.FAIL, str(newer), "run the release that made it, or set TOCSIN_STORE")]
    except StoreTooOld as older:
        return [Check("store", Level.WARN, str(older), "start `tocsin project`")]
    except TocsinError as error:
        return [Check("store", Level.FAIL, str(error), "start the database, or correct TOCSIN_STORE")]
    last = max((one.timestamp for one in progress), default=0) / 1000
    if not last:
        return [Check("store", Level.OK, f"{address.shown}: nothing is in it yet")]
    ago = time.time() - last
    said = f"; its last record is {ago / 3600:.0f} hours old" if ago > QUIET else ""
    return [Check("store", Level.OK, f"{address.shown}: {sum(one.next for one in progress)} records taken up{said}")]
