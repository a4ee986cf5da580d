"""The commands of `tocsin`, one module each; `tocsin.streams.cli` has the table."""
