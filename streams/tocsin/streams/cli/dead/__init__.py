"""`tocsin dead`: the dead letters as a person works with them; `commands.py` has the commands. How they are found and
replayed is in `processes/dead/`.
"""
