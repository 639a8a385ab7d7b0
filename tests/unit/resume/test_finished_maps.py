"""Features of finished maps are used again."""

import hashlib
import os
import shutil

import numpy as np
import pytest

from featscape import mapfolder
from featscape.features.extraction.cache import FeatureCache
from featscape.mapfolder.read import open_map
from helpers.images.photos import write_images
from helpers.maps.interrupted_runs import N_DIFFERENT, CountingNetwork, make
from helpers.networks.quick_network import put_in_place
from helpers.notes import Notes

pytestmark = pytest.mark.usefixtures("here", "without_pictures")


class TestFinishedMaps:
    def test_only_the_added_images_are_computed(self, changed, here, network):
        make(changed, "m")
        write_images(changed / "green", 10, seed=9)
        (changed / "blue" / "01.png").rename(changed / "green" / "moved.png")
        (changed / "blue" / "02.png").unlink()
        network.n_seen = 0
        notes = Notes()
        made = make(changed, "m", force=True, progress=notes)
        assert network.n_seen == 10
        assert "the features of 70 images were taken from m" in notes.lines
        assert "green/moved.png" in made.paths
        (here / "elsewhere").mkdir()
        fresh = make(changed, "elsewhere/m")
        np.testing.assert_allclose(made.features, fresh.features, rtol=1e-3)

    @pytest.mark.usefixtures("finished")
    def test_another_map_of_the_source_in_the_folder_uses_the_features(
        self, source, whole, network
    ):
        other = make(source, "n", perplexity=8)
        assert network.n_seen == 0
        np.testing.assert_array_equal(whole.features, other.features)
        assert [other.thumbnails.encoded(i) for i in range(len(other))] == [
            whole.thumbnails.encoded(i) for i in range(len(whole))
        ]

    @pytest.mark.usefixtures("finished")
    def test_a_map_of_another_source_or_network_does_not_use_the_features(
        self, source, here, network
    ):
        shutil.copytree(source, here / "copies")
        make("copies", "n")
        assert network.n_seen == N_DIFFERENT
        network.card = CountingNetwork(layer="layer3").card
        make(source, "m", force=True)
        assert network.n_seen == 2 * N_DIFFERENT

    @pytest.mark.usefixtures("finished")
    def test_a_map_with_another_white_does_not_use_the_features(self, source, network):
        make(source, "n", white=4095)
        assert network.n_seen == N_DIFFERENT
        assert make(source, "o", white=4095).run["parameters"]["white"] == 4095
        assert network.n_seen == N_DIFFERENT

    @pytest.mark.parametrize(
        ("made", "now", "reason"),
        [
            ({"fingerprint": ((1.0,),)}, {"fingerprint": ((1.0001,),)}, None),
            ({}, {"fingerprint": ((1.0,),)}, None),
            (
                {"fingerprint": ((1.0,),)},
                {"fingerprint": ((2.0,),)},
                "the network's weights or code have changed",
            ),
            (
                {"code_sha256": "0"},
                {"code_sha256": "0", "fingerprint": ((1.0,),)},
                "no fingerprint of the network was recorded",
            ),
        ],
    )
    def test_features_of_a_changed_network_are_computed_again(
        self, source, network, made, now, reason
    ):
        network.card = CountingNetwork(**made).card
        make(source, "m")
        network.card, network.n_seen = CountingNetwork(**now).card, 0
        notes = Notes()
        make(source, "m", force=True, progress=notes)
        assert network.n_seen == (N_DIFFERENT if reason else 0)
        begin = f"the features in m are not used: {reason}"
        assert any(line.startswith(begin) for line in notes.lines) is (reason is not None)

    @pytest.mark.usefixtures("finished")
    def test_a_map_that_is_replaced_meanwhile_provides_its_old_features(
        self, source, whole, network, monkeypatch
    ):
        init = FeatureCache.__init__

        def replace_map(self, parts, **options):
            init(self, parts, **options)
            if len(self):
                with monkeypatch.context() as patch:
                    patch.setattr(FeatureCache, "__init__", init)
                    other = CountingNetwork(layer="another")
                    other.run = lambda pixels: -network.run(pixels)
                    put_in_place(other, patch)
                    make(source, "m", force=True)

        monkeypatch.setattr(FeatureCache, "__init__", replace_map)
        made = make(source, "n", perplexity=8)
        assert open_map("m").run["model"]["layer"] == "another"
        np.testing.assert_array_equal(made.features, whole.features)

    @pytest.mark.parametrize("name", [mapfolder.ITEMS, mapfolder.FEATURES, "thumbnails/data.bin"])
    def test_a_damaged_map_is_reported_and_not_used(self, source, finished, network, name):
        os.truncate(finished / name, (finished / name).stat().st_size // 2)
        notes = Notes()
        make(source, "m", force=True, progress=notes)
        assert network.n_seen == N_DIFFERENT
        reported = [
            line for line in notes.lines if line.startswith("the features in m are not used")
        ]
        assert len(reported) == 1
        assert name.rpartition("/")[2] in reported[0]

    @pytest.mark.parametrize(
        ("change", "reason"),
        [
            (
                lambda x: x.astype(np.float64),
                "it has float64 of shape (71, 48), not rows of float32",
            ),
            (lambda x: x[:, :40], "its 40 features per item differ from the model in run.json"),
        ],
    )
    def test_features_of_another_type_or_width_are_reported_and_not_used(
        self, source, finished, network, change, reason
    ):
        file = finished / mapfolder.FEATURES
        np.save(file, change(np.load(file)))
        notes = Notes()
        make(source, "m", force=True, progress=notes)
        assert network.n_seen == N_DIFFERENT
        (reported,) = [
            line for line in notes.lines if line.startswith("the features in m are not used")
        ]
        assert reason in reported, reported

    def test_a_map_without_hashes_is_reported_and_not_used(self, source, finished, network):
        import pyarrow.parquet as pq

        file = finished / mapfolder.ITEMS
        pq.write_table(pq.read_table(file).drop_columns("sha256"), file)
        notes = Notes()
        make(source, "m", force=True, progress=notes)
        assert network.n_seen == N_DIFFERENT
        reason = "the map has no hashes or no sizes of its images"
        assert f"the features in m are not used: {reason}" in notes.lines

    def test_cached_features_that_are_not_finite_are_reported_and_computed_again(
        self, source, finished, network
    ):
        file = finished / mapfolder.FEATURES
        values = np.load(file)
        values[3] = np.nan
        np.save(file, values)
        notes = Notes()
        made = make(source, "m", force=True, progress=notes)
        assert network.n_seen == 1
        assert np.isfinite(made.features).all()
        assert "some features in m could not be read and were computed again" in notes.lines

    def test_the_table_holds_the_hash_of_each_file(self, source, whole):
        import pyarrow.parquet as pq

        table = pq.read_table(whole.folder / mapfolder.ITEMS)
        for path, digest in zip(table["path"], table["sha256"], strict=True):
            content = (source / path.as_py()).read_bytes()
            assert hashlib.sha256(content).hexdigest() == digest.as_py()
        assert "sha256" not in open_map(whole.folder).columns
