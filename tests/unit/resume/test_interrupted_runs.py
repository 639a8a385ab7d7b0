"""A map whose run is interrupted and repeated is equal to the map of one run."""

import os
import shutil
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from featscape.errors import InputError
from helpers.images.photos import write_images
from helpers.maps.interrupted_runs import (
    N_DIFFERENT,
    CountingNetwork,
    assert_same_map,
    interrupt,
    make,
)
from helpers.networks.quick_network import QuickNetwork, put_in_place
from helpers.notes import Notes

pytestmark = pytest.mark.usefixtures("here")


class TestContinuing:
    @pytest.mark.usefixtures("without_pictures")
    def test_finished_batches_are_not_computed_again(self, source, here, network, monkeypatch):
        said = interrupt(source, "m", monkeypatch)
        assert "is kept in .m.partial: repeat the call to continue" in said[-1]
        notes = Notes()
        make(source, "m", progress=notes)
        assert "continuing: 20 of at most 73 different images were done" in notes.lines
        assert network.n_seen == N_DIFFERENT - 20
        assert [path.name for path in here.iterdir()] == ["m"]

    @pytest.mark.usefixtures("network")
    def test_the_map_is_the_same_and_lists_the_same_skipped_images(self, source, here, monkeypatch):
        (here / "whole").mkdir()
        whole = make(source, "whole/m", findings=True)
        interrupt(source, "m", monkeypatch, n_batches=9, findings=True)
        made = make(source, "m", findings=True)
        assert_same_map(made.folder, whole.folder)
        assert [one["path"] for one in made.run["skipped"]] == ["blue/07.png", "red/30.png"]

    @pytest.mark.usefixtures("without_pictures")
    @pytest.mark.parametrize("suffix", [".npy", ".thumbnails", ".json"])
    def test_a_damaged_shard_is_computed_again(self, source, whole, network, monkeypatch, suffix):
        interrupt(source, "m", monkeypatch)
        (file,) = Path().glob(f".m.partial/kept/*/000002{suffix}")
        os.truncate(file, file.stat().st_size - 3)
        notes = Notes()
        made = make(source, "m", progress=notes)
        assert network.n_seen == N_DIFFERENT - 16
        assert "of the interrupted run, 1 part is damaged and computed again" in notes.lines
        assert "continuing: 16 of at most 73 different images were done" in notes.lines
        assert_same_map(made.folder, whole.folder)

    @pytest.mark.usefixtures("without_pictures")
    def test_a_changed_image_is_computed_again(self, changed, network, monkeypatch):
        interrupt(changed, "m", monkeypatch)
        shutil.copyfile(changed / "red" / "29.png", changed / "blue" / "03.png")
        write_images(changed / "blue", 1, seed=77)  # 00.png
        made = make(changed, "m")
        # 00.png is new; the features of its old bytes are cached, because its copy has these bytes
        assert network.n_seen == N_DIFFERENT - 20 + 1
        features = dict(zip(made.paths, made.features, strict=True))
        np.testing.assert_array_equal(features["blue/03.png"], features["red/29.png"])
        assert not np.array_equal(features["blue/00.png"], features["red/0x.png"])

    @pytest.mark.usefixtures("without_pictures")
    @pytest.mark.parametrize(
        ("card", "reason"),
        [
            ({"name": "another"}, "the network was quick, and is now another"),
            ({"weights_sha256": "1" * 64}, "the weights have changed"),
            ({"layer": "layer3"}, "the layer was pixels, and is now layer3"),
            ({"pool": "gem"}, "the pooling was none, and is now gem"),
            ({"precision": "bf16"}, "the precision was fp32, and is now bf16"),
            ({"preprocessing": "resize 5"}, "the preprocessing was resize 4, and is now resize 5"),
            ({"code_sha256": "1" * 64}, "the code of the network has changed"),
        ],
    )
    def test_another_network_starts_again_with_the_reason(
        self, source, network, monkeypatch, card, reason
    ):
        interrupt(source, "m", monkeypatch)
        network.card = CountingNetwork(**card).card
        notes = Notes()
        make(source, "m", progress=notes)
        assert f"the results of the interrupted run are not used: {reason}" in notes.lines
        assert network.n_seen == N_DIFFERENT
        assert [path.name for path in Path().iterdir()] == ["m"]

    @pytest.mark.usefixtures("without_pictures")
    def test_a_network_with_a_rounded_fingerprint_continues(self, source, network, monkeypatch):
        card = replace(network.card, fingerprint=((1.0, 2.0),))
        interrupt(source, "m", monkeypatch, card=card)
        network.card = replace(card, fingerprint=((1.0, 2.0001),))
        make(source, "m")
        assert network.n_seen == N_DIFFERENT - 20

    @pytest.mark.usefixtures("without_pictures")
    def test_a_changed_network_starts_again(self, source, network, monkeypatch):
        card = replace(network.card, fingerprint=((1.0, 2.0),))
        interrupt(source, "m", monkeypatch, card=card)
        network.card = replace(card, fingerprint=((1.0, 2.5),))
        notes = Notes()
        make(source, "m", progress=notes)
        assert network.n_seen == N_DIFFERENT
        assert (
            "the results of the interrupted run are not used: the network's weights or code have "
            "changed: its features of a fixed image differ by 18.6%"
        ) in notes.lines

    @pytest.mark.usefixtures("without_pictures")
    def test_the_same_weights_under_another_name_continue(self, source, network, monkeypatch):
        interrupt(source, "m", monkeypatch)
        network.card = CountingNetwork(weights="copy of the same").card
        make(source, "m")
        assert network.n_seen == N_DIFFERENT - 20

    @pytest.mark.usefixtures("without_pictures")
    def test_thumbnails_of_another_size_are_made_without_the_network(
        self, source, here, network, monkeypatch
    ):
        (here / "whole").mkdir()
        larger = {"thumbnail_px": 270, "size_px": 2400}
        whole = make(source, "whole/m", **larger)
        network.n_seen = 0
        interrupt(source, "m", monkeypatch)
        made = make(source, "m", **larger)
        assert network.n_seen == N_DIFFERENT - 20
        assert_same_map(made.folder, whole.folder)


def test_a_second_run_of_the_same_map_is_refused(source, here, monkeypatch):
    class Nested(QuickNetwork):
        """A network that starts another run of the map in its first batch."""

        def run(self, pixels):
            if not failures:
                with pytest.raises(
                    InputError, match="another process is writing the map m"
                ) as raised:
                    make(source, "m")
                failures.append(raised.value)
            return super().run(pixels)

    failures = []
    put_in_place(Nested(), monkeypatch)
    assert len(make(source, "m")) == N_DIFFERENT + 3
    assert len(failures) == 1
    assert [path.name for path in here.iterdir()] == ["m"]
