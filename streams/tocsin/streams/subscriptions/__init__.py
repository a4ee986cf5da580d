"""Endpoints made while the bus runs, beside those of the rules file: what a tenant may wish, how it is kept in
`settings`, and what the rules and the sinks are given of it."""
