"""The commands of `tocsin`, one module each; `tocsin.streams.cli.main` has the table."""
