"""`tocsin top`: what the bus does now, read from the metrics of its processes. `picture.py` is what is seen of them."""
