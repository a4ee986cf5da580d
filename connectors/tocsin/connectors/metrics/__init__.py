"""Every metric that there is, as data; and how series are made of it, with labels that stay bounded."""

from tocsin.connectors.metrics.catalogue import CATALOGUE, LABELS
from tocsin.connectors.metrics.metric import Kind, Label, Metric, Process

__all__ = ["CATALOGUE", "LABELS", "Kind", "Label", "Metric", "Process"]
