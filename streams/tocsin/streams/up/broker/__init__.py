"""The embedded Kafka: fetched once, verified, run as a child process that never outlives us.

The names here need no extra to be imported; starting a broker needs `tocsin[embedded]`.
"""

from tocsin.streams.up.broker.embedded import EmbeddedBroker
from tocsin.streams.up.broker.errors import BrokerUnavailable

__all__ = ["BrokerUnavailable", "EmbeddedBroker"]
