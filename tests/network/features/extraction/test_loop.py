"""The extraction loop with a real network."""

import numpy as np

from featscape.features import extract


def test_features_do_not_depend_on_workers_or_other_images(noise_images, small_network):
    images = noise_images(7)
    once = extract(images, model=small_network, batch_size=3, n_workers=1)
    again = extract(images, model=small_network, batch_size=3, n_workers=3)
    assert np.array_equal(once.values, again.values)
    fewer = extract(noise_images(7, broken={1: "x"}), model=small_network, batch_size=3)
    scale = float(np.abs(once.values).max())
    np.testing.assert_allclose(fewer.values, np.delete(once.values, 1, 0), atol=1e-5 * scale)


def test_a_network_is_loaded_by_its_name(noise_images, small_file):
    features = extract(
        noise_images(3), model="shufflenet_v2_x0_5", weights=small_file, device="cpu"
    )
    assert np.asarray(features).shape == (3, 1024)
    assert features.model.name == "shufflenet_v2_x0_5"
