"""Features: what a pretrained network says of each image, at its end or within."""

from featscape.features.architecture import ModelEntry
from featscape.features.backend import Backend
from featscape.features.extract import extract
from featscape.features.layers import Layer, LayerTree, list_layers
from featscape.features.loading import check_network, load_network, reload_network
from featscape.features.map_network import check_given, explain_refusal, load_for_map
from featscape.features.models import list_models
from featscape.features.network import Network

__all__ = [
    "Backend",
    "Layer",
    "LayerTree",
    "ModelEntry",
    "Network",
    "check_given",
    "check_network",
    "explain_refusal",
    "extract",
    "list_layers",
    "list_models",
    "load_for_map",
    "load_network",
    "reload_network",
]
