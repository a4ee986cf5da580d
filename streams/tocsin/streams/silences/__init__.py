"""Silences made while running, the topic `settings` that keeps them, and whose silence holds for whom."""
