"""Features: what a pretrained network says of each image, just before it names a class."""

from featscape.features.architecture import ModelEntry
from featscape.features.extract import Backend, extract
from featscape.features.models import list_models
from featscape.features.network import Network, load_network, reload_network

__all__ = [
    "Backend",
    "ModelEntry",
    "Network",
    "extract",
    "list_models",
    "load_network",
    "reload_network",
]
