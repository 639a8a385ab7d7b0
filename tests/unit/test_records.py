from dataclasses import replace
from pathlib import Path
from unittest.mock import Mock

import numpy as np
import pytest

from featscape.errors import ImageError, InputError
from featscape.records import Features, ImageSet, ModelCard, count_reasons, count_skipped
from featscape.records.skipped import (
    DUPLICATE_PATH,
    EARLIER_MAP,
    INVALID_ROW,
    LISTS,
    MIXED,
    NESTED,
    NO_IMAGE,
    VECTORS,
)


@pytest.fixture
def features():
    card = ModelCard("net", "layer2+fc", "w", "0", "none", 5, pool="avg", widths=(2, 3))
    images = ImageSet(Path("p"), ("a", "b"), contents=None, decode=None)
    return Features(np.arange(10, dtype=np.float32).reshape(2, 5), images, None, card)


def test_features_are_split_by_layer(features):
    layer2, fc = features.of_layer("layer2"), features.of_layer("fc")
    assert layer2.values.tolist() == [[0, 1], [5, 6]]
    assert fc.values.tolist() == [[2, 3, 4], [7, 8, 9]]
    assert (fc.model.layer, fc.model.n_features, fc.model.widths) == ("fc", 3, (3,))
    assert fc.images is features.images


def test_the_only_layer_has_all_features(features):
    assert features.of_layer("fc").of_layer("fc").values.shape == (2, 3)


def test_an_image_set_has_a_short_repr():
    images = ImageSet(Path("photos"), ("a/1.png", "b/2.png"), contents=None, decode=None)
    assert repr(images) == "<ImageSet: 2 images, photos>"
    assert repr(images.select([0])) == "<ImageSet: 1 image, photos>"
    labeled = replace(images, labels=("a", "b"))
    assert repr(labeled) == "<ImageSet: 2 images, 2 classes, photos>"


def test_an_image_that_cannot_be_decoded_is_named_in_a_loop():
    contents = Mock(read=Mock(side_effect=ImageError("empty file (0 bytes)")))
    images = ImageSet(Path("photos"), ("a/\n1.png",), contents=contents, decode=Mock())
    with pytest.raises(ImageError, match=r"^a/\\n1\.png: empty file \(0 bytes\)$"):
        list(images)


def test_an_unknown_layer_raises(features):
    with pytest.raises(InputError, match=r"layer2, fc; got 'layer3'"):
        features.of_layer("layer3")


def test_a_card_without_widths_and_pool_gets_defaults():
    card = ModelCard("net", "input of fc", "w", "0", "none", 5)
    assert (card.widths, card.pool, card.layers) == ((5,), "none", ("input of fc",))


def test_reasons_are_counted_without_their_details():
    reasons = ["bomb: 90 megapixels", "empty file (0 bytes)", "bomb: 95 megapixels", "no such file"]
    reasons += ["empty file (0 bytes)", "bomb: 90 megapixels"]
    assert count_reasons(reasons) == [
        ("bomb, for example: 90 megapixels", 3),
        ("empty file (0 bytes)", 2),
        ("no such file", 1),
    ]
    assert count_reasons([NESTED, VECTORS]) == count_reasons([VECTORS, NESTED]) == [(NESTED, 2)]
    assert count_reasons([]) == []


def test_skipped_files_rows_and_columns_are_counted_apart():
    reasons = [NESTED, "empty file (0 bytes)", f"{NO_IMAGE}: a.png", f"{NO_IMAGE}: b.png"]
    reasons += [f"{INVALID_ROW}: no path", f"{DUPLICATE_PATH} with another label: a.png is 'dog'"]
    assert count_skipped(reasons) == (
        "skipped 1 file, skipped 2 rows without an image, skipped 1 invalid row, "
        "skipped 1 row with a duplicate path, left out 1 column"
    )
    assert count_skipped([NESTED]) == "left out 1 column"
    assert count_skipped([NESTED, EARLIER_MAP]) == "left out 2 columns"
    assert count_skipped([LISTS, LISTS]) == "joined the lists of 2 columns"
    assert count_skipped([f"{MIXED}: int64 in a, string in b"]) == "converted 1 column to text"
