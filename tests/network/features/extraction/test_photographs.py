"""The fast path from a file to features agrees with the libraries' preprocessing on photographs."""

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from featscape.features import ExtractOptions, NetworkRequest, extract, run_extraction
from featscape.images import ThumbnailPacker, decode_bytes, find_images
from featscape.mapfolder.thumbnails import Thumbnails

ANIMALS = Path(__file__).parents[4] / "data" / "animals"
MIN_COSINE = 0.999
N_IMAGES = 24


@pytest.fixture(scope="module")
def photographs():
    """Return JPEG files of animals on white, in original size and eight times as large."""
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
def test_features_agree_with_the_librarys_preprocessing(photographs, factor, lite0_network):
    import timm
    from timm.data import create_transform, resolve_model_data_config

    decoded = [decode_bytes(one, at_least_px=lite0_network.min_px) for one in photographs[factor]]
    if factor == 8:
        assert sum(one.image.size != one.size_px for one in decoded) > N_IMAGES // 2
    quick = lite0_network.run([lite0_network.prepare(one.image) for one in decoded])
    config = resolve_model_data_config(timm.create_model("tf_efficientnet_lite0"))
    transform = create_transform(**config)
    wholes = [Image.open(io.BytesIO(one)).convert("RGB") for one in photographs[factor]]
    with torch.inference_mode():
        slow = lite0_network.module(torch.stack([transform(one) for one in wholes])).numpy()
    cosines = cosines_of(quick, slow)
    assert cosines.mean() >= MIN_COSINE, cosines


@pytest.mark.parametrize("factor", [1, 8])
def test_features_agree_whether_the_gpu_or_the_cpu_resizes(
    photographs, factor, on_a_gpu, lite0_network
):
    decoded = [decode_bytes(one, at_least_px=lite0_network.min_px) for one in photographs[factor]]
    there = on_a_gpu(lite0_network)
    whole = [there.prepare(one.image) for one in decoded]
    n_resized = sum(pixels.shape != (224, 224, 3) for pixels in whole)
    assert n_resized > N_IMAGES // 2 if factor == 1 else n_resized < N_IMAGES  # some are too large
    cosines = cosines_of(
        there.run(whole), lite0_network.run([lite0_network.prepare(one.image) for one in decoded])
    )
    assert cosines.min() >= MIN_COSINE, cosines


@pytest.fixture
def plain_files(photographs, tmp_path):
    """Return the photographs with both decoders, with Pillow, and with the fast decoder."""
    for number, content in enumerate(photographs[1]):
        (tmp_path / f"{number:02}.jpg").write_bytes(content)
    images = find_images(tmp_path)

    def refuse(_content, **_options):
        raise AssertionError("a plain file was left to Pillow")

    return replace(images, decode_plain=None), replace(images, decode=refuse)


def test_features_and_thumbnails_agree_for_both_decoders(plain_files, tmp_path, lite0_network):
    found = []
    for name, images in zip(("slow", "quick"), plain_files, strict=True):
        with ThumbnailPacker(tmp_path / name, size_px=64) as pack:
            options = ExtractOptions(thumbnails=pack)
            features = run_extraction(images, NetworkRequest(lite0_network), options)
        thumbnails = Thumbnails(tmp_path / name)
        encoded = [thumbnails.encoded(row) for row in range(len(thumbnails))]
        found.append((features.values.tobytes(), features.sizes_px.tolist(), encoded))
    assert found[0] == found[1]


def test_the_fast_decoder_is_used_for_a_gpu(plain_files, on_a_gpu, lite0_network):
    slow, quick = plain_files
    expected = extract(slow, model=lite0_network)
    features = extract(quick, model=on_a_gpu(lite0_network), batch_size=7)
    np.testing.assert_array_equal(features.sizes_px, expected.sizes_px)
    cosines = cosines_of(features.values, expected.values)
    assert cosines.min() >= MIN_COSINE, cosines
