"""Escalation: steps until somebody takes a case (DESIGN.md 6, escalate)."""
