"""The label agreement of a map, and the agreement by chance."""

import numpy as np
import pytest

from featscape.labels.classes import NO_LABEL
from featscape.options import EmbeddingOptions
from featscape.steps.facts.run import dataset_text
from featscape.steps.tsne.adapter import chance_agreement, measure_agreement
from featscape.steps.tsne.embedding import embed

POINTS = np.random.default_rng(0).normal(size=(40, 4)).astype(np.float32)


@pytest.mark.parametrize("landmarks", [None, np.arange(0, 300, 2)])
def test_the_chance_agreement_is_that_of_permuted_labels(landmarks):
    rng = np.random.default_rng(0)
    labels = np.repeat(["a", "b", "c"], [150, 100, 50])
    pool = np.arange(300) if landmarks is None else landmarks
    near = np.array([rng.choice(pool[pool != item], 5, replace=False) for item in range(300)])
    shares = []
    for _ in range(300):
        shuffled = rng.permutation(labels)
        shares.append((2 * (shuffled[near] == shuffled[:, None]).sum(axis=1) > 5).mean())
    chance = chance_agreement(rng.permutation(labels), n_neighbors=5, landmarks=landmarks)
    assert chance == pytest.approx(np.mean(shares), abs=0.02)


def test_items_without_a_label_are_no_class_in_the_agreement():
    points = np.concatenate([np.arange(8.0), 100 + np.arange(8.0), 200 + np.arange(8.0)])
    labels = ("a",) * 8 + ("b",) * 7 + ("a",) + (NO_LABEL,) * 8
    options = EmbeddingOptions(perplexity=2)
    found = embed(points[:, None].astype(np.float32), options, labels=labels, device="cpu")
    agreement = measure_agreement(found)
    assert agreement["by_class"] == {"a": pytest.approx(8 / 9), "b": 1}
    assert agreement["overall"] == 15 / 16
    assert agreement["chance"] == chance_agreement(labels, n_neighbors=5)
    assert dataset_text(24, "image", labels) == "24 images in 2 classes, 8 without a label"


def test_the_agreement_is_not_computed_if_no_item_has_a_label():
    found = embed(POINTS, EmbeddingOptions(), labels=(NO_LABEL,) * len(POINTS), device="cpu")
    assert measure_agreement(found) is None


@pytest.mark.parametrize("share", [0.2, 0.5])
def test_items_without_a_label_are_neighbors_but_are_not_counted_by_chance(share):
    rng = np.random.default_rng(0)
    labels = rng.choice(["a", "b", NO_LABEL], 300, p=[0.4, 0.6 - share, share])
    near = np.array([rng.choice(np.delete(np.arange(300), item), 5, False) for item in range(300)])
    shares = []
    for _ in range(300):
        shuffled = rng.permutation(labels)
        agrees = 2 * (shuffled[near] == shuffled[:, None]).sum(axis=1) > 5
        shares.append(agrees[shuffled != NO_LABEL].mean())
    assert chance_agreement(labels, n_neighbors=5) == pytest.approx(np.mean(shares), abs=0.02)
