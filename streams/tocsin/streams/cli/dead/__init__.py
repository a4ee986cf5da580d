"""`tocsin dead`: the dead letters as a person works with them; `commands.py` has the commands.

What is looked for is found in one pass over the topic (`index.py`), which keeps a bit for each offset and nothing else;
what is shown or written again comes from a second one.
"""
