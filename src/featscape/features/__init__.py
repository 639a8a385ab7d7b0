"""Features of images from pretrained networks."""

from featscape.features.compiled_networks import read_classifier
from featscape.features.extraction.image_pass import read_images
from featscape.features.extraction.loop import extract, run_extraction
from featscape.features.loading import check_network, load_network, reload_network
from featscape.features.map_network import check_given, explain_refusal, load_for_map
from featscape.features.network import Network
from featscape.features.protocols import Backend, ExtractOptions, NetworkRequest
from featscape.features.readout.layers import list_layers
from featscape.features.text_encoder import (
    TextEncoder,
    encode_names,
    has_text_encoder,
    load_text_encoder,
)
from featscape.features.zoo.architecture import Layer, LayerTree, ModelEntry
from featscape.features.zoo.registry import fetch_weights, list_models

__all__ = [
    "Backend",
    "ExtractOptions",
    "Layer",
    "LayerTree",
    "ModelEntry",
    "Network",
    "NetworkRequest",
    "TextEncoder",
    "check_given",
    "check_network",
    "encode_names",
    "explain_refusal",
    "extract",
    "fetch_weights",
    "has_text_encoder",
    "list_layers",
    "list_models",
    "load_for_map",
    "load_network",
    "load_text_encoder",
    "read_classifier",
    "read_images",
    "reload_network",
    "run_extraction",
]
