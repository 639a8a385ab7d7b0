"""The long work on many machines: decoding, inference and placing on a Ray cluster."""

from featscape.distribute.cluster import Cluster, connect, open_workers

__all__ = ["Cluster", "connect", "open_workers"]
