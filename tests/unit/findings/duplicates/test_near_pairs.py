import numpy as np
import pytest

from featscape.findings.duplicates import near_pairs
from featscape.findings.duplicates.power_law import connect
from featscape.findings.pixels.survey import survey_thumbnails
from featscape.findings.spaces import search_all_pairs
from helpers.maps.planted import Pictures, pictures


def frames(n_scenes, n_frames):
    """Return the gray squares and the features of a dataset of frames, scene by scene."""
    rng = np.random.default_rng(5)
    centers = rng.normal(size=(n_scenes, 16))
    images = [
        scene.crop((left, top, left + 120, top + 90))
        for scene in pictures(n_scenes)
        for left, top in rng.integers(0, 4, (n_frames, 2)).tolist()
    ]
    features = np.repeat(centers, n_frames, axis=0) + 0.05 * rng.normal(size=(len(images), 16))
    return survey_thumbnails(Pictures(images)).grays, features.astype(np.float32)


@pytest.mark.parametrize(
    ("n_scenes", "n_frames", "most_pairs"),
    [(13, 6, 10_000), (12, 12, 10_000), (13, 6, 78)],
    ids=["small scenes", "scenes with all candidates inside", "some candidates aligned"],
)
def test_the_frames_of_a_scene_are_connected_in_a_dataset_of_frames(
    monkeypatch, n_scenes, n_frames, most_pairs
):
    monkeypatch.setattr(near_pairs, "_MOST_PAIRS", most_pairs)
    monkeypatch.setattr(near_pairs, "_N_SAMPLE", 20)  # if not all pairs are compared
    grays, features = frames(n_scenes, n_frames)
    neighbors = search_all_pairs(features, 40).indices
    pairs, _, doubt, _ = near_pairs.find_near_pairs(
        grays, features, neighbors, n_threads=1, random_state=0, values=None
    )
    connected = connect(len(grays), pairs[doubt <= 1]).reshape(n_scenes, n_frames)
    is_whole = (connected == connected[:, :1]).all(axis=1)
    is_whole &= np.bincount(connected.ravel())[connected[:, 0]] == n_frames
    assert is_whole.mean() >= 0.9
