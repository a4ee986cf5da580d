"""Context: what was going on around a problem. Fed by activity and by problems themselves (DESIGN.md 6, enrich)."""
