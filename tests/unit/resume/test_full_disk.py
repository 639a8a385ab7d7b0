"""A run that fills the disk keeps its finished work."""

from dataclasses import replace

import pytest

from featscape.errors import InputError
from featscape.features.extraction import shards
from helpers.maps.interrupted_runs import N_DIFFERENT, assert_same_map, make

pytestmark = pytest.mark.usefixtures("here")


class TestFullDisk:
    """os.fsync raises ENOSPC to simulate a full disk."""

    @pytest.mark.usefixtures("network", "without_pictures")
    @pytest.mark.parametrize("n_files", [0, 2, 7, 30])
    def test_finished_work_is_kept_and_the_same_call_continues(
        self, source, whole, here, monkeypatch, n_files
    ):
        n_left = n_files

        def fill(_handle):
            nonlocal n_left
            if not n_left:
                raise OSError(28, "No space left on device")
            n_left -= 1

        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", fill)
            with pytest.raises(InputError, match="No space left on device") as raised:
                make(source, "m")
        is_kept = (here / ".m.partial").exists()
        assert is_kept is (n_files > 4)
        assert ("Finished work is kept in .m.partial" in str(raised.value)) is is_kept
        assert_same_map(make(source, "m").folder, whole.folder)

    @pytest.mark.usefixtures("without_pictures")
    @pytest.mark.parametrize("layers", [None, ("one", "two")])
    def test_the_unfinished_map_is_deleted_to_make_room_for_the_features(
        self, source, here, network, monkeypatch, layers
    ):
        if layers:
            network.card = replace(network.card, layer="+".join(layers), widths=(24, 24))
        (here / "whole").mkdir()
        whole = make(source, "whole/m", layers=layers)
        monkeypatch.setattr(shards, "MAX_SECONDS", 60.0)  # all batches wait for the first shard
        network.n_seen = 0

        def fill(_handle):
            if any(path.is_file() for path in here.glob(".m*.partial/new/**/*")):
                raise OSError(28, "No space left on device")

        with monkeypatch.context() as patch:
            patch.setattr("os.fsync", fill)
            with pytest.raises(InputError, match=r"No space left.* Finished work is kept in \.m"):
                make(source, "m", layers=layers)
        made = make(source, "m", layers=layers)
        assert network.n_seen == N_DIFFERENT
        for one, other in zip(made, whole, strict=True) if layers else [(made, whole)]:
            assert_same_map(one.folder, other.folder)

    @pytest.mark.usefixtures("without_pictures")
    def test_a_limit_of_the_file_size_keeps_finished_work(self, source, network):
        resource = pytest.importorskip("resource", reason="only Unix limits the size of files")
        soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, hard))  # the thumbnails have more
        try:
            with pytest.raises(InputError, match=r"File too large\. Finished work is kept"):
                make(source, "m")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
        assert network.n_seen > 0
        make(source, "m")
        assert network.n_seen == N_DIFFERENT
