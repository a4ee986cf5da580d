"""Time-outs: which replies are expected, how long they usually take, what to do when one does not come."""
