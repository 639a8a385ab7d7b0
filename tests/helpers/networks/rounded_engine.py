"""An engine whose precisions add noise, for tests of the choice of the precision."""

from dataclasses import dataclass, field, replace

import numpy as np

from featscape.records import ModelCard

CARD = ModelCard("random", "all", "none", "0" * 64, "none", 16, fingerprint=((1.0,),))


def features(n_images=64, seed=0):
    return np.random.default_rng(seed).normal(size=(n_images, 16)).astype(np.float32)


@dataclass(frozen=True)
class Rounded:
    """An engine with fixed features in fp32, to which other precisions add noise."""

    noise: float = 0.0
    name: str = "An engine 1.0"
    precision: str = "fp32"
    precisions: tuple = ("fp32", "bf16", "int8")
    batch_size: int = 4
    asked: list = field(default_factory=list)

    def run(self, pixels):
        exact = features(len(pixels))
        if self.precision == "fp32":
            return exact
        return exact + self.noise * features(len(pixels), seed=1)

    def count_multiply_adds(self, _image):
        return 10**10

    def at(self, precision, *, sample=(), key="", fingerprint=()):
        self.asked.append((precision, len(sample), key))
        assert fingerprint in ((), CARD.fingerprint)
        return replace(self, precision=precision)


def sample(n_images=64):
    return list(np.zeros((n_images, 2, 2, 3), np.uint8))
