"""What operators see: metrics and probes."""
