"""Programs whose messages are taken as they are: webhooks of agents, events of error SDKs (`sinks` are the way out).

A reader is pure: it gets the bytes and says which events they are. The gateway does all the rest.
"""
