"""Write the catalog of networks for `featscape models`, in about 15 minutes.

Every architecture is built on torch's meta device, which computes shapes without data.
"""

import json
import logging
import sys
import warnings
from dataclasses import astuple
from importlib import resources

import timm
import torch
from torchvision import models
from torchvision.models.regnet import BlockParams

from featscape.features.zoo import catalog
from featscape.features.zoo.classifier import find_classifier
from featscape.features.zoo.libraries import open_clip, torchvision
from featscape.features.zoo.libraries import timm as timm_library

QUIET = {"init_weights": False}  # random weights take time, also on the meta device
META = torch.device("meta")


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


def measure_torchvision(name):
    options = QUIET if name in ("googlenet", "inception_v3") else {}
    with META:
        module = models.get_model(name, weights=None, **options)
    last = module.get_submodule(find_classifier(module))
    n_parameters = models.get_model_weights(name).DEFAULT.meta["num_params"]
    return [getattr(last, "in_features", None) or last.in_channels, n_parameters]


def measure_timm(name):
    with META:
        module = timm.create_model(name, pretrained=False)
    return [module.head_hidden_size, count(module)]


def measure_open_clip(name):
    architecture = open_clip.build(name)
    with META, torch.inference_mode():
        module = architecture.make().eval()
        output = module(
            torch.empty(
                1,
                3,
                architecture.preprocessing.input_size_px,
                architecture.preprocessing.input_size_px,
            )
        )
    return [(output if torch.is_tensor(output) else output[0]).shape[1], count(module)]


def measure(measure_one, architectures):
    sizes = {}
    for name in architectures:
        try:
            sizes[name] = measure_one(name)
        except Exception as error:  # noqa: BLE001 - the error is printed, the size is unknown
            print(f"{name}: {type(error).__name__}: {error}"[:200], file=sys.stderr)
            sizes[name] = []
    return sizes


def main():
    warnings.simplefilter("ignore")
    logging.disable(logging.ERROR)
    on_meta = BlockParams.from_init_params.__func__

    def on_cpu(cls, *args, **kwargs):  # the widths need values, which the meta device lacks
        with torch.device("cpu"):
            return on_meta(cls, *args, **kwargs)

    BlockParams.from_init_params = classmethod(on_cpu)
    written = {
        backend.DISTRIBUTION: {
            "version": catalog.installed_version(backend.DISTRIBUTION),
            "sizes": measure(measure_one, backend.list_architectures()),
            "rows": [astuple(row) for row in backend.list_rows()],
        }
        for backend, measure_one in (
            (torchvision, measure_torchvision),
            (timm_library, measure_timm),
            (open_clip, measure_open_clip),
        )
    }
    text = json.dumps(written, separators=(",", ":"))
    for end in ("],[", '],"'):
        text = text.replace(end, f"{end[:2]}\n{end[2:]}")
    (resources.files("featscape.features.zoo") / catalog.FILE).write_text(text + "\n")


if __name__ == "__main__":
    main()
