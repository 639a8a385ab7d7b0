"""A tiny network of open_clip with random weights."""

import open_clip
import torch

NAME = "open_clip:tiny-clip/toy"
MEAN, STD = (0.5,) * 3, (0.25,) * 3
_CONFIG = {
    "embed_dim": 16,
    "vision_cfg": {"image_size": 32, "layers": 2, "width": 64, "patch_size": 8},
    # the vocabulary of open_clip's own tokenizer
    "text_cfg": {"context_length": 8, "vocab_size": 49408, "width": 16, "heads": 2, "layers": 1},
}


def register(monkeypatch):
    """Register the network in open_clip, and return the network with random weights."""
    from open_clip import factory
    from open_clip.pretrained import _PRETRAINED

    monkeypatch.setitem(factory._MODEL_CONFIGS, "tiny-clip", _CONFIG)
    tags = {"toy": {"mean": MEAN, "std": STD, "quick_gelu": True}}
    monkeypatch.setitem(_PRETRAINED, "tiny-clip", tags)
    # another version than the catalog's, so that open_clip lists its networks
    monkeypatch.setattr(
        "featscape.features.zoo.catalog.installed_version", lambda _distribution: "0"
    )
    torch.manual_seed(0)
    return open_clip.create_model("tiny-clip", force_quick_gelu=True, load_weights=False).eval()
