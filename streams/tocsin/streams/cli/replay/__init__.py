"""`tocsin replay`: what an endpoint was sent in a time is sent to it again; `command.py` has the command."""
