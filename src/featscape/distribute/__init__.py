"""Decode images, run the network and place items on the machines of a Ray cluster."""

from featscape.distribute.cluster import Cluster, connect
from featscape.distribute.executor import open_executor

__all__ = ["Cluster", "connect", "open_executor"]
