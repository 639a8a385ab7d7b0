"""Killed runs that replace a map: a reader always finds one complete map."""

import json
import multiprocessing
import os
import random
import shutil
import signal
import sys
import time
from itertools import groupby

import pytest

from featscape import make_map
from featscape.errors import InputError
from featscape.mapfolder import FORMAT, RUN, damaged, new_map_folder
from featscape.mapfolder import read as reading
from featscape.mapfolder.read import open_map
from helpers.images.photos import write_images
from helpers.maps.interrupted_runs import HEAVY, assert_same_map, choose_seed
from helpers.networks.quick_network import QuickNetwork, put_in_place

pytestmark = pytest.mark.skipif(
    not hasattr(signal, "SIGKILL"), reason="there is no kill -9 on this system"
)
N_KILLS = 25
MOST_WAIT_S = 0.05  # before a kill; a run replaces the map a few times in this time
N_REPLACEMENTS = 50  # by each of two runs
N_KILLS_OF_MAPS = 4
# The audit events that change names in a folder. Python reports an event before the operation.
EVENTS = {"os.rename", "os.mkdir", "os.remove", "os.rmdir"}
# The files of a simplified map. Each file contains the number of its version.
FILES = (RUN, "features.npy", "thumbnails/data.bin", "bundle/ids.bin", "bundle/classes.bin")


@pytest.fixture(params=["exchange", "two moves"])
def has_exchange(request):
    """Return whether the system exchanges two names in one step."""
    return request.param == "exchange"


@pytest.fixture
def begin(has_exchange):
    """Return a function that calls a function in a new process, and returns the process."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([*HEAVY, __name__])
    processes = []

    def begin(function, *arguments, killed_at=0):
        n_events = context.Value("i", 0)
        process = context.Process(
            target=be_killed, args=(has_exchange, killed_at, n_events, function, *arguments)
        )
        process.n_events = n_events
        processes.append(process)
        process.start()
        return process

    yield begin
    for process in processes:
        process.kill()
        process.join()


def be_killed(has_exchange, killed_at, n_events, function, *arguments):
    """Call a function, and kill this process before event number `killed_at`; 0: never."""
    os.fsync = lambda _handle: None  # see conftest.py
    if not has_exchange:
        sys.modules["featscape.mapfolder.staging.replacement"].exchange = lambda _one, _other: False

    def count(event, _arguments):
        if event in EVENTS:
            n_events.value += 1
            if n_events.value == killed_at:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(count)
    function(*arguments)


def is_killed(process):
    """Wait for the end of a process; return whether the process was killed."""
    process.join()
    assert process.exitcode in {0, -signal.SIGKILL}
    return process.exitcode != 0


def replace(output, version):
    """Replace the map; wait while another process replaces or repairs the map."""
    while True:
        try:
            with new_map_folder(output, force=True, note=None) as folder:
                for name in FILES:
                    (folder / name).parent.mkdir(exist_ok=True)
                    (folder / name).write_text(json.dumps({"format": FORMAT, "version": version}))
        except InputError as error:
            if "another process is writing" not in str(error):
                raise
            time.sleep(0.001)
        else:
            return


def replace_repeatedly(output, versions):
    for version in versions:
        replace(output, version)


def read_version(folder):
    """Replace `read_map`: return the version of all files."""
    versions = set()
    for name in FILES:
        inner, _, file_name = name.rpartition("/")
        try:
            with (folder.folder(inner) if inner else folder).open(file_name) as file:
                versions.add(json.load(file)["version"])
        except OSError as error:
            raise damaged(folder.path / name, error) from error
    (version,) = versions
    return version


@pytest.fixture
def output(tmp_path, monkeypatch):
    """Return the folder of a simplified map; `open_map` returns the version of its files."""
    monkeypatch.setattr(reading, "read_map", read_version)
    monkeypatch.setattr(reading, "_TRIES", 1_000)  # a run replaces the map every few milliseconds
    monkeypatch.setattr(
        "featscape.mapfolder.staging.replacement._BETWEEN_MOVES_S", 60.0
    )  # on a busy machine
    return tmp_path / "m"


def names_beside(output):
    return [path.name for path in output.parent.iterdir()]


def test_a_kill_at_each_step_leaves_the_older_map_or_the_new_map(output, begin, has_exchange):
    found = []
    is_unfinished = True
    while is_unfinished:
        shutil.rmtree(output, ignore_errors=True)
        replace(output, 0)
        is_unfinished = is_killed(begin(replace, output, 1, killed_at=len(found) + 1))
        is_missing = not output.exists()
        found.append((open_map(output), is_missing))
        replace(output, 2)
        assert open_map(output) == 2
        assert names_beside(output) == ["m"]
    older, repaired, new = (0, False), (0, True), (1, False)
    expected = [older, new] if has_exchange else [older, repaired, new]
    assert [state for state, _ in groupby(found)] == expected


def test_after_a_kill_at_each_step_the_next_run_completes(output, begin):
    n_killed = 0
    replace(output, 0)
    while is_killed(begin(replace, output, 1, killed_at=n_killed + 1)):
        n_killed += 1
        replace(output, 2)  # without a reader that repairs the map before
        assert open_map(output) == 2
        assert names_beside(output) == ["m"]
    assert n_killed > 0


def test_a_reader_sees_whole_maps_before_and_after_each_kill(output, begin):
    rng = random.Random(choose_seed())
    version = 0
    replace(output, version)
    for _ in range(N_KILLS):
        run = begin(replace_repeatedly, output, range(version + 1, 10**9))
        until = None
        while until is None or time.monotonic() < until:
            assert run.is_alive()
            found = open_map(output)
            assert found >= version
            if found > version and until is None:
                until = time.monotonic() + rng.uniform(0, MOST_WAIT_S)
            version = found
        run.kill()
        assert is_killed(run)
        found = open_map(output)
        assert found >= version
        version = found
    replace(output, version + 1)
    assert open_map(output) == version + 1
    assert names_beside(output) == ["m"]


def test_a_reader_of_a_map_that_two_runs_replace_sees_whole_maps(output, begin):
    replace(output, 0)
    versions = [range(first, 2 * N_REPLACEMENTS + 1, 2) for first in (1, 2)]
    runs = [begin(replace_repeatedly, output, one) for one in versions]
    newest = [0, 0]  # of each run
    while any(run.is_alive() for run in runs):
        version = open_map(output)
        assert version >= newest[version % 2]
        newest[version % 2] = version
    assert not any(is_killed(run) for run in runs)
    assert open_map(output) in {one[-1] for one in versions}
    assert names_beside(output) == ["m"]


def replace_map(source, output, seed):
    put_in_place(QuickNetwork(), pytest.MonkeyPatch())
    make_map(source, output, perplexity=3, size_px=300, random_state=seed, force=True)


@pytest.mark.parametrize("has_exchange", ["two moves"], indirect=True)
def test_kills_of_real_runs_leave_whole_maps(tmp_path, begin):
    rng = random.Random(choose_seed())
    write_images(tmp_path / "photos", 12)
    output = tmp_path / "maps" / "m"
    output.parent.mkdir()
    wholes = [tmp_path / f"whole{seed}" for seed in range(2)]
    for seed, whole in enumerate(wholes):
        run = begin(replace_map, tmp_path / "photos", output, seed)
        assert not is_killed(run)
        shutil.copytree(output, whole)
    for kill in range(N_KILLS_OF_MAPS):
        killed_at = rng.randint(1, run.n_events.value)
        is_killed(begin(replace_map, tmp_path / "photos", output, kill % 2, killed_at=killed_at))
        found = open_map(output).run["parameters"]["seed"]
        assert_same_map(output, wholes[found], f"kill {kill} at event {killed_at}")
    assert not is_killed(begin(replace_map, tmp_path / "photos", output, 0))
    assert_same_map(output, wholes[0])
    assert names_beside(output) == ["m"]
