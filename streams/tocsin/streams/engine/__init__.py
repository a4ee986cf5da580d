"""The engine: Faust fed in batches, with a write order that loses nothing (DESIGN.md section 5).

It knows nothing of problems. A rule set is given rows, events and `now`, and returns outputs; the engine keeps
the rows, decides what is durable when, and speaks only what it has written down first.
"""
