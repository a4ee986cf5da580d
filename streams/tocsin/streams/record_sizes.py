"""The sizes that Kafka, its topics and every client of ours must agree on; bytes."""

from __future__ import annotations

KIB, MIB = 1024, 1024 * 1024

# A valid event is at most 1 MiB; the topics take more, so that one that is too large can be read and put into `dead`.
RECORD_LIMIT = 2 * MIB

LARGEST_BATCH = 4 * MIB
"""The largest record batch that we write: a batch's rows and outputs, or a dead letter."""

CARRIER_LIMIT = LARGEST_BATCH + 64 * KIB
"""The largest record batch that Kafka takes (`max.message.bytes` of changelogs and of `dead`), a request carries and a
fetch must bring: a whole record of another topic, or a batch's rows and outputs, and its own frame."""
