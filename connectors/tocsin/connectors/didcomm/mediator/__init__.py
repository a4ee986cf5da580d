"""Our side of a mediator: to be reached through it, and to fetch what it keeps for us.

See docs/didcomm.md#behind-a-mediator.

coordinate-mediation 3.0 (2.0 where it knows no other) asks it to take our messages; messagepickup 3.0 fetches them.
"""
