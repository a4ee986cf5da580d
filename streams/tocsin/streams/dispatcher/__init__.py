"""The dispatcher: reads `attempts`, runs the sinks, writes each outcome to `deliveries`. All slow I/O is here."""
