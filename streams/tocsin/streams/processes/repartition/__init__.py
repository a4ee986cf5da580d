"""The bus with another number of partitions (`tocsin topics repartition`): copied, while it is stopped, into topics
with another prefix, each record and row to the partition where its key belongs then.

`command.py` is the order of the steps; `placing.py`, `letters.py` and `tally.py` are without I/O.
"""
