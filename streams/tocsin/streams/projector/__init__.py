"""The projector: what the topics hold, as rows of the store. `rows.py` says which event becomes which rows."""
