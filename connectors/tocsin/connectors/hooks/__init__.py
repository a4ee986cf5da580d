"""Hooks for frameworks, a few lines each for their users: `celery`, `dramatiq`, `apscheduler`, `arq`, `flask`.

Each needs the framework that it is named after, and imports no other. All of them come after `sdk.init(...)`, and do
nothing without it. What of them fails is told as an error of the bus, never to the framework: jobs, answers, retries
and exit codes are what they would be without.
"""
