"""Maps that a stranger made: each ends in one clear line, or works without the damaged part."""

import gc
import json
import os
import resource
import shutil
import socket
import sys
import threading
from contextlib import closing

import numpy as np
import pytest
from starlette.testclient import TestClient

from featscape.app.server.application import ServedMap, make_app
from featscape.app.server.security import Access, Guard
from featscape.errors import FeatscapeError, InputError
from featscape.mapfolder.read import open_map
from featscape.printable_names import printable
from featscape.steps.drawing import export_site
from featscape.steps.embedding import load_tsne
from hostile import maps
from hostile.watch import watching

MOST_GROWTH_KB = 400_000


@pytest.fixture(scope="module")
def seed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("seed")
    maps.make_seed_map(folder / "map", images=folder / "images")
    return folder / "map"


@pytest.fixture(scope="module")
def port():
    """Return a port that nothing may connect to."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.fixture
def hostile(seed, tmp_path, monkeypatch):
    """Return a copy of the map, beside a secret and a payload that would leave a trace."""
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "canary").write_bytes(maps.CANARY)
    payload = maps.PAYLOAD.format(trace=str(tmp_path / "outside" / "it ran"))
    folder = maps.copy_map(seed, tmp_path / "hostile_map")
    for place in (tmp_path, folder):
        (place / "payload.py").write_text(payload)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


@pytest.fixture
def use(hostile, featscape, tmp_path):
    """Return a function that does with the map all that a user may do; it holds each to the rules.

    It returns the error's line where the map cannot be opened, and None where it can.
    """

    def run():
        site = tmp_path / "site"
        with watching(tmp_path / "outside") as events:
            try:
                made = open_map(hostile)
                load_tsne(made).transform(np.array(made.features[:2]))
                line = None
            except FeatscapeError as error:
                line = str(error)
            shown = featscape("info", hostile)
            _ask_server(hostile)
            try:
                export_site(hostile, site)
            except FeatscapeError as error:
                assert_line(str(error))
        assert events == []
        assert not (tmp_path / "outside" / "it ran").exists()
        assert "payload" not in sys.modules
        assert shown.status in (0, 2)
        assert "\x1b" not in shown.out + shown.err
        assert "Traceback" not in shown.err
        if shown.status == 2:
            assert len(shown.err.splitlines()) == 1
        if line is not None:
            assert_line(line)
        if site.exists():
            for file in site.rglob("*"):
                assert file.is_dir() or maps.CANARY not in file.read_bytes()
            shutil.rmtree(site)
        return line

    return run


def assert_line(line):
    assert line.endswith((".", "(force=True)."))
    assert maps.CANARY.decode() not in line
    assert len(printable(line)) < 3_000


def _ask_server(folder):
    try:
        served = ServedMap(folder)
    except FeatscapeError as error:
        assert_line(str(error))
        return
    with closing(served):
        _check_answers(_open_client(served), folder)


def _open_client(served):
    guarded = Guard(make_app(served), access=Access.on_loopback(8000))
    return TestClient(guarded, base_url="http://127.0.0.1:8000")


def _check_answers(client, folder):
    answers = [
        client.get("/"),
        client.get("/scatter.png"),
        *(client.get(f"/data/{file.name}") for file in (folder / "bundle").iterdir()),
        *(client.get(f"/api/items/0{of}") for of in ("", "/neighbors", "/thumbnail", "/image")),
        client.post("/api/search", json={"text": "a"}),
        client.post("/api/zip", json={"ids": [0, 1]}),
        client.post("/api/place", content=b"no image"),
    ]
    for answer in answers:
        assert answer.status_code < 500, answer.text
        assert maps.CANARY not in answer.content
        if answer.status_code >= 400:
            assert set(answer.json()) == {"error", "status"}


def test_the_map_that_the_attacks_begin_with_is_whole(hostile, use):
    assert use() is None
    assert {"run.json", "bundle/manifest.json", "thumbnails/data.bin"} <= set(
        maps.list_files(hostile)
    )


ATTACKS = list(maps.file_attacks(maps.Path("/canary")))


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_file_that_is_not_what_its_name_says(hostile, seed, use, attack, tmp_path):
    change = maps.file_attacks(tmp_path / "outside" / "canary")[attack]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in maps.list_files(seed):
        maps.copy_map(seed, hostile)
        change(hostile / name)
        line = use()
        read_at_opening = not name.startswith(("bundle/", "scatter.png"))
        if read_at_opening and attack not in ("damaged", "missing"):
            assert line is not None, name
    gc.collect()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_GROWTH_KB


def test_a_link_to_the_same_content_outside_is_neither_served_nor_exported(hostile, seed, tmp_path):
    outside = tmp_path / "outside"
    move = maps.file_attacks(outside / "canary")["link to the same content outside"]
    sent = [name for name in maps.list_files(seed) if name.startswith(("bundle/", "scatter.png"))]
    assert len(sent) > 5
    for name in sent:
        maps.copy_map(seed, hostile)
        move(hostile / name)
        assert (hostile / name).read_bytes() == (seed / name).read_bytes()
        with watching(outside) as events:
            with pytest.raises(FeatscapeError, match="it is a link"):
                ServedMap(hostile)
            with pytest.raises(FeatscapeError, match="it is a link"):
                export_site(hostile, tmp_path / "site")
        assert events == [], name


def test_the_watch_sees_an_opening_relative_to_an_open_folder(hostile, tmp_path):
    (hostile / "link").symlink_to(tmp_path / "outside" / "canary")
    folder = os.open(hostile, os.O_RDONLY | os.O_DIRECTORY)
    with watching(tmp_path / "outside") as events:
        with pytest.raises(OSError, match="link"):
            os.open("link", os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
        assert events == []
        os.close(os.open("link", os.O_RDONLY, dir_fd=folder))
    os.close(folder)
    assert events == [f"opening of {tmp_path / 'outside' / 'canary'}"]


@pytest.mark.parametrize("folder", ["bundle", "thumbnails"])
def test_a_folder_that_is_a_link(hostile, use, tmp_path, folder):
    (hostile / folder).rename(tmp_path / "outside" / folder)
    (hostile / folder).symlink_to(tmp_path / "outside" / folder)
    use()
    with pytest.raises(FeatscapeError, match="it is a link"):
        export_site(hostile, tmp_path / "site")


@pytest.mark.parametrize("name", list(maps.texts(maps.Path("/canary"), 1)))
@pytest.mark.parametrize("file", ["run.json", "bundle/manifest.json"])
def test_all_strings_of_a_file_are_hostile(hostile, use, port, file, name):
    text = maps.texts(hostile.parent / "outside" / "canary", port)[name]
    maps.change_json(hostile / file, lambda content: maps.all_replaced(content, text))
    use()


@pytest.mark.parametrize("file", ["run.json", "bundle/manifest.json"])
def test_each_value_of_a_file_is_of_another_kind(hostile, seed, featscape, file):
    content = json.loads((seed / file).read_text())
    with watching() as events:
        for number, place in enumerate(maps.places_in(content)):
            value = maps.VALUES[number % len(maps.VALUES)]
            (hostile / file).write_text(json.dumps(maps.replaced(content, place, value)))
            if file == "run.json":
                shown = featscape("info", hostile)
                assert shown.status in (0, 2), place
                assert "Traceback" not in shown.err
            else:
                _ask_server(hostile)
    assert events == []


@pytest.mark.parametrize(
    "model",
    ["payload:net", "hostile_map.payload:net", "os:abort", "/dev/zero.onnx", "timm:hf-hub:a/b"],
)
def test_a_network_that_the_map_names_is_not_loaded(hostile, use, model):
    card = {
        "name": model,
        "layer": "output",
        "weights": "/dev/zero",
        "weights_sha256": "0" * 64,
        "preprocessing": "p",
        "n_features": 48,
    }
    maps.change_json(hostile / "run.json", lambda run: run | {"model": card})
    assert use() is None
    with closing(ServedMap(hostile)) as served:
        client = _open_client(served)
        assert '"place":false' in client.get("/").text
        refused = client.post("/api/place", content=b"image")
    assert refused.status_code == 404
    assert "--model" in refused.json()["error"]


def test_a_table_of_other_columns(hostile, seed, featscape):
    table = maps.read_items(seed)
    for kind, variant in maps.item_tables(table, "\x1b]52;c;aGFybQ==\x07<script>"):
        maps.write_items(hostile, variant)
        shown = featscape("info", hostile)
        assert shown.status in (0, 2), kind
        assert "\x1b" not in shown.out + shown.err, kind
        assert len(shown.err.splitlines()) <= 1, kind
        _ask_server(hostile)


def test_a_map_that_is_replaced_while_it_is_opened_is_never_mixed(seed, tmp_path):
    """Swap two maps of as many items under one name, and open this name again and again."""
    versions = [maps.copy_map(seed, tmp_path / name) for name in ("a", "b")]
    for number, folder in enumerate(versions):
        np.save(folder / "features.npy", np.load(seed / "features.npy") + np.float32(number))
        maps.change_json(folder / "run.json", lambda run, n=number: run | {"n_iter": n})
        table = maps.read_items(seed)
        x = maps.pa.array(np.full(12, number, np.float32))
        maps.write_items(folder, table.set_column(table.column_names.index("x"), "x", x))
    features = [np.load(folder / "features.npy")[0, 0] for folder in versions]
    name, done = tmp_path / "map", threading.Event()
    versions[0].rename(name)

    def swap():
        current, other = 0, versions[1]
        while not done.is_set():
            name.rename(versions[current])
            other.rename(name)
            current, other = 1 - current, versions[current]

    swapping = threading.Thread(target=swap)
    swapping.start()
    opened = []
    try:
        for _ in range(150):
            try:
                made = open_map(name)
            except InputError:  # for a moment there is no map
                continue
            opened.append(made.run["n_iter"])
            assert made.positions[0, 0] == made.run["n_iter"]
            assert made.features[0, 0] == features[made.run["n_iter"]]
    finally:
        done.set()
        swapping.join()
    assert set(opened) == {0, 1}
