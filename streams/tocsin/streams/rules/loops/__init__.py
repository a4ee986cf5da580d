"""Loops and repeats: what came before, or goes round in circles, is told once (DESIGN.md 6, dedupe)."""
