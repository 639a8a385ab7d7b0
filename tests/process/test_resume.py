"""A map whose run is killed many times is equal to the map of one run."""

import multiprocessing
import os
import random
import shutil
import signal
import time

import pytest

from featscape import make_map
from featscape.features.extraction import shards
from helpers.maps.interrupted_runs import (
    HEAVY,
    BatchNetwork,
    assert_same_map,
    choose_seed,
    write_source,
)
from helpers.networks.quick_network import put_in_place

pytestmark = pytest.mark.usefixtures("here")
N_KILLS = 20
N_KILLS_A_MAP = 5


class SlowNetwork(BatchNetwork):
    """A slow network, so that a run can be killed."""

    def run(self, pixels):
        time.sleep(0.02)
        return super().run(pixels)


def make_slowly(source, output):
    put_in_place(SlowNetwork(), pytest.MonkeyPatch())
    os.fsync = lambda _handle: None  # a kill loses no written file: see conftest.py
    shards.MAX_SECONDS = 0.05  # a few batches per shard
    make_map(source, output, perplexity=4, size_px=400, force=True)


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="there is no kill -9 on this system")
def test_maps_after_five_kills_are_equal_to_the_map_of_one_run(tmp_path):
    source = write_source(tmp_path / "photos")
    seed = choose_seed()
    rng = random.Random(seed)
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(HEAVY)

    def run(output, *, killed_after_s=None):
        process = context.Process(target=make_slowly, args=(source, output))
        process.start()
        process.join(killed_after_s)
        was_alive = process.is_alive()
        if was_alive:
            os.kill(process.pid, signal.SIGKILL)
        process.join()
        assert was_alive or process.exitcode == 0, f"seed {seed}"
        return was_alive

    (tmp_path / "whole").mkdir()
    run(tmp_path / "warm-up")
    began = time.monotonic()
    run(tmp_path / "whole" / "map")
    duration_s = time.monotonic() - began

    n_killed = n_resumed = 0
    for number in range(N_KILLS // N_KILLS_A_MAP):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        for _ in range(N_KILLS_A_MAP):
            if run(folder / "map", killed_after_s=rng.uniform(0, duration_s)):
                n_killed += 1
            else:  # faster than the whole run; the next run would take all features from this map
                duration_s *= 0.8
                shutil.rmtree(folder / "map")
            n_resumed += any(folder.glob(".map.partial/kept/*/*.json"))
        run(folder / "map")
        assert [path.name for path in folder.iterdir()] == ["map"], f"seed {seed}"
        assert_same_map(folder / "map", tmp_path / "whole" / "map", f"seed {seed}")
    assert n_killed >= N_KILLS / 4
    assert n_resumed > 0
