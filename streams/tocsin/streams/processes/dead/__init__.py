"""The dead letters, read and replayed: for `tocsin dead` and for the gateway.

What is looked for is found in one pass over the topic (`index.py`), which keeps a bit for each offset and nothing else;
what is shown or written again comes from a second one.
"""
