"""Routing: who is told, and who is not because of a silence, a mute time or a worse problem (DESIGN.md 6, route)."""
