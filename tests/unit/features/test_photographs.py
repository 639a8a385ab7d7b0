"""The quick way from a file to features agrees with the libraries' own, on photographs."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from featscape.features import extract, load_network
from featscape.images import decode_bytes, find_images

ANIMALS = Path(__file__).parents[3] / "data" / "animals"
LEAST_COSINE = 0.999
N_IMAGES = 24


@pytest.fixture(scope="module")
def photographs():
    """Return JPEG files of cut-out animals on white, as they are and eight times as large."""
    files = sorted(ANIMALS.rglob("*.png"))
    if not files:
        pytest.skip("no photographs of animals: make data fetches them")

    def save(path, factor):
        animal = Image.open(path).convert("RGBA")
        ground = Image.new("RGB", animal.size, "white")
        ground.paste(animal, mask=animal)
        size = [factor * side for side in ground.size]
        stream = io.BytesIO()
        ground.resize(size, Image.Resampling.BICUBIC).save(stream, "JPEG", quality=90)
        return stream.getvalue()

    chosen = files[:: len(files) // N_IMAGES][:N_IMAGES]
    return {factor: [save(path, factor) for path in chosen] for factor in (1, 8)}


def cosines_of(one, other):
    lengths = np.linalg.norm(one, axis=1) * np.linalg.norm(other, axis=1)
    return (one * other).sum(axis=1) / lengths


@pytest.mark.parametrize("factor", [1, 8])
def test_features_are_those_of_the_librarys_preprocessing(photographs, factor):
    import timm
    from timm.data import create_transform, resolve_model_data_config

    network = load_network("efficientnet_lite0", device="cpu", precision="fp32")
    decoded = [decode_bytes(one, at_least_px=network.least_px) for one in photographs[factor]]
    if factor == 8:
        assert sum(one.image.size != one.size_px for one in decoded) > N_IMAGES // 2
    quick = network.run([network.prepare(one.image) for one in decoded])
    config = resolve_model_data_config(timm.create_model("tf_efficientnet_lite0"))
    transform = create_transform(**config)
    wholes = [Image.open(io.BytesIO(one)).convert("RGB") for one in photographs[factor]]
    with torch.inference_mode():
        slow = network._module(torch.stack([transform(one) for one in wholes])).numpy()
    cosines = cosines_of(quick, slow)
    assert cosines.mean() >= LEAST_COSINE, cosines


@pytest.mark.parametrize("factor", [1, 8])
def test_features_of_images_that_a_gpu_resizes_are_those_of_the_cpu(photographs, factor, on_a_gpu):
    network = load_network("efficientnet_lite0", device="cpu", precision="fp32")
    decoded = [decode_bytes(one, at_least_px=network.least_px) for one in photographs[factor]]
    there = on_a_gpu(network)
    whole = [there.prepare(one.image) for one in decoded]
    n_resized = sum(pixels.shape != (224, 224, 3) for pixels in whole)
    assert n_resized > N_IMAGES // 2 if factor == 1 else n_resized < N_IMAGES  # some are too large
    cosines = cosines_of(
        there.run(whole), network.run([network.prepare(one.image) for one in decoded])
    )
    assert cosines.min() >= LEAST_COSINE, cosines


def test_the_loop_decodes_plain_files_for_a_gpu_by_the_quick_decoder(
    photographs, on_a_gpu, tmp_path
):
    for number, content in enumerate(photographs[1]):
        (tmp_path / f"{number:02}.jpg").write_bytes(content)
    images = find_images(tmp_path)
    network = load_network("efficientnet_lite0", device="cpu", precision="fp32")
    expected = extract(images, model=network)
    read = []

    def decode(content, **options):
        read.append(content)
        return decode_bytes(content, **options)

    features = extract(replace(images, decode=decode), model=on_a_gpu(network), batch_size=7)
    assert read == []  # none is left to Pillow
    np.testing.assert_array_equal(features.sizes_px, expected.sizes_px)
    cosines = cosines_of(features.values, expected.values)
    assert cosines.min() >= LEAST_COSINE, cosines
