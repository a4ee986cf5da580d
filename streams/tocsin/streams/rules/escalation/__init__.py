"""Escalation: steps that page people until somebody takes a case."""
