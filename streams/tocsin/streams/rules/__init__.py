"""What is decided: synchronous rules over rows, with `now` passed in. No clock, no I/O, no asyncio, no Faust.

The flow is the listing: `decide` = enrich, dedupe, route, notify; `deliver` = schedule, lanes, outcomes.
"""
