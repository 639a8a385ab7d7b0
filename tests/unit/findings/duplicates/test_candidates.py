import numpy as np
import pytest

from featscape.findings.duplicates import candidates
from featscape.findings.duplicates.candidates import Candidates
from featscape.findings.duplicates.descriptors import describe
from featscape.findings.duplicates.power_law import SCALE_RANK, Groups


@pytest.fixture(scope="module")
def near():
    """Return random candidates of 40 images, with repetitions and the images themselves."""
    return np.random.default_rng(0).integers(0, 40, (40, 12)).astype(np.int32)


@pytest.fixture(scope="module")
def expected(near):
    """Return the pairs, each once and ascending."""
    both = {(min(i, j), max(i, j)) for i, row in enumerate(near.tolist()) for j in row if i != j}
    return np.array(sorted(both))


def test_each_pair_is_a_candidate_once(near, expected):
    found = Candidates(near)
    assert len(found) == len(expected)
    np.testing.assert_array_equal(found.pairs(found.is_pair), expected)


def test_the_pairs_of_some_images_are_all_pairs_with_one_of_them(near, expected):
    found = Candidates(near)
    some = np.array([3, 17])
    touching = expected[np.isin(expected, some).any(axis=1)]
    np.testing.assert_array_equal(found.pairs(found.touch(some)), touching)


def test_the_pairs_of_own_candidates_are_those_of_the_rows_of_the_images(near):
    some = np.array([3, 17])
    rows = {(min(i, j), max(i, j)) for i in (3, 17) for j in near[i].tolist() if i != j}
    np.testing.assert_array_equal(Candidates(near).pairs_of(some), sorted(rows))


def test_the_copies_rank_before_all_other_pairs(near):
    rng = np.random.default_rng(1)
    values = rng.normal(size=(40, 8)).astype(np.float32)
    values[21] = values[20] + 0.01
    grays = rng.integers(0, 256, (40, 48, 48)).astype(np.uint8)
    grays[31] = grays[30, :, ::-1]
    near = near.copy()
    near[20, 0], near[31, 0] = 21, 30
    found = Candidates(near)
    scores = found.rank(values.astype(np.float16), describe(grays), n_threads=2)
    assert np.isinf(scores[~found.is_pair]).all()
    lowest = scores <= np.partition(scores, 1, axis=None)[1]
    np.testing.assert_array_equal(found.pairs(lowest), [[20, 21], [30, 31]])


def test_images_of_a_large_group_are_compared_with_further_neighbors(monkeypatch):
    random = np.random.default_rng(0)
    group = np.repeat(np.arange(4), 20)
    near = (np.arange(80)[:, None] // 20 * 20 + random.integers(0, 20, (80, 12))).astype(np.int32)
    further = random.permuted(np.tile(np.arange(80, dtype=np.int32), (80, 1)), axis=1)
    suspects = np.arange(0, 80, 3)
    beyond = Candidates(near).pairs_beyond(Groups(group), suspects, further)
    assert (group[beyond[:, 0]] != group[beyond[:, 1]]).all()
    assert np.bincount(beyond.ravel())[suspects].min() > SCALE_RANK
    monkeypatch.setattr(candidates, "_ROWS_BEYOND", 5)
    in_blocks = Candidates(near).pairs_beyond(Groups(group), suspects, further)
    np.testing.assert_array_equal(in_blocks, beyond)
