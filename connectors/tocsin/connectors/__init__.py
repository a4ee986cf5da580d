"""How problems come in and how they go out: dialects (readers and writers), sinks, the publisher, the HTTP gateway.

Imports `tocsin.schemas` and nothing of `tocsin.streams`. Every edge here is at-least-once; repeats carry a known id.
"""
