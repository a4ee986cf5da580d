"""What `tocsin doctor` checks of endpoints whose readers are people: whether they can answer by a link."""

from __future__ import annotations

from tocsin.streams.cli.doctor_checks import Check, Level, of_this_machine
from tocsin.streams.processes.links import links_of
from tocsin.streams.processes.rules_watch import own_addresses
from tocsin.streams.rulesfile import read_rules
from tocsin.streams.settings import Settings, SettingsInvalid
from tocsin.streams.up.home import running_bus

PAGE = "docs/people.md"


def people_checks(settings: Settings) -> list[Check]:
    """Empty without such endpoints, and for a rules file that cannot be used. A running `tocsin up` has made a key."""
    if settings.rules is None:
        return []
    book, _ = read_rules(settings.rules, own=own_addresses(settings))
    names = [] if book is None else sorted(name for name, one in book.endpoints.items() if one.explained)
    if not names:
        return []
    verb = "endpoint tells" if len(names) == 1 else "endpoints tell"
    told = f"{len(names)} {verb} people ({', '.join(names[:5])}{', ...' if len(names) > 5 else ''})"
    if settings.public_url is None:
        step = f"set TOCSIN_PUBLIC_URL to the gateway's address as they reach it ({PAGE})"
        return [Check("people", Level.WARN, f"{told}, without links to answer by", step)]
    try:
        links = links_of(settings)
    except SettingsInvalid as wrong:
        return [Check("people", Level.FAIL, str(wrong), f"see {PAGE}")]
    if links is None and running_bus(settings.home) is None:
        step = "set TOCSIN_LINK_KEY, the same for gateway and dispatchers; `tocsin up` makes one by itself"
        return [Check("people", Level.WARN, f"{told}, without links to answer by: they have no key", step)]
    if of_this_machine(settings.public_url):
        step = "set TOCSIN_PUBLIC_URL to an address that they reach"
        return [Check("people", Level.WARN, f"{told}; their links work on this machine alone", step)]
    return [Check("people", Level.OK, f"{told}, with links to answer by")]
