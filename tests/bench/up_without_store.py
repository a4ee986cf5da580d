"""`tocsin up` as it is where `tocsin[store]` is not installed: what is delivered is not written into a database."""

from __future__ import annotations

from unittest.mock import patch

from tocsin.streams.cli.main import main

if __name__ == "__main__":
    with patch("tocsin.streams.up.supervisor.find_spec", return_value=None):
        main()
