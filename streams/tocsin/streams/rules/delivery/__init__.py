"""The rules of the agent `deliver`: attempts, retries, strict order per lane, endpoints that are down."""
