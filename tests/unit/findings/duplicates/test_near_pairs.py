import numpy as np

from featscape.findings.duplicates import near_pairs
from featscape.findings.duplicates.candidates import Candidates
from featscape.findings.duplicates.power_law import SCALE_RANK, Groups


def test_images_of_a_large_group_are_compared_with_further_neighbors(monkeypatch):
    random = np.random.default_rng(0)
    group = np.repeat(np.arange(4), 20)
    near = (np.arange(80)[:, None] // 20 * 20 + random.integers(0, 20, (80, 12))).astype(np.int32)
    further = random.permuted(np.tile(np.arange(80, dtype=np.int32), (80, 1)), axis=1)
    suspects = np.arange(0, 80, 3)
    beyond = near_pairs._pairs_beyond(Candidates(near), Groups(group), suspects, further)
    assert (group[beyond[:, 0]] != group[beyond[:, 1]]).all()
    assert np.bincount(beyond.ravel())[suspects].min() > SCALE_RANK
    monkeypatch.setattr(near_pairs, "_ROWS", 5)
    in_blocks = near_pairs._pairs_beyond(Candidates(near), Groups(group), suspects, further)
    np.testing.assert_array_equal(in_blocks, beyond)
