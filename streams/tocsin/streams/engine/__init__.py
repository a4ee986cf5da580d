"""The engine: Faust fed in batches, with a write order that loses nothing (docs/architecture.md#write-order).

It knows nothing of problems. A rule set is given rows, events and `now`, and returns outputs; the engine keeps
the rows, decides what is durable when, and produces only what it has written down first.
"""
