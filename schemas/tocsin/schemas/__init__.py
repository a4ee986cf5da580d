"""What travels on the bus: events, their Avro schemas, the codec, ids, and the rules by which schemas may change.

Imports nothing else of Tocsin. Start with `tocsin.schemas.events` (models) and
`tocsin.schemas.codec` (`encode`, `decode`).
"""
