"""What operators see of the processes: metrics, probes and logs."""
