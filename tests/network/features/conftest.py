"""Weights and images for the networks of the tests: the fixtures of the unit tests of features."""

from tests.unit.features.conftest import (  # noqa: F401 - fixtures
    hub_cache,
    noise_image,
    noise_images,
    on_a_gpu,
    one_torch_thread,
    payload,
    save_weights,
    small_file,
    small_hub,
)
