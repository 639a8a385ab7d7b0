"""featscape opens a hostile map without the damaged part, or raises an error of one line."""

import gc
import json
import os
import resource
import shutil
import socket
import sys
import threading
from contextlib import closing
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from starlette.testclient import TestClient

from featscape.app.server.application import ServedMap, make_app
from featscape.app.server.security import Access, Guard
from featscape.errors import FeatscapeError, InputError
from featscape.mapfolder.read import open_map
from featscape.printable_names import printable
from featscape.steps.drawing import export_site
from featscape.steps.tsne import load_tsne
from helpers.audit import PAYLOAD, recorded_events
from hostile import CANARY, maps
from hostile.seedmap import N_ITEMS, PHOTOS, make_seed_map

MOST_GROWTH_KB = 400_000


@pytest.fixture(scope="module")
def seed(tmp_path_factory):
    """Return the folder of a valid map, with one skipped image."""
    folder = tmp_path_factory.mktemp("seed")
    (folder / PHOTOS).mkdir()
    (folder / PHOTOS / "broken.png").write_bytes(b"no image")
    return make_seed_map(folder)


@pytest.fixture(scope="module")
def port():
    """Return the port of a server; fail if anything connects to the server."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]
        server.setblocking(False)
        with pytest.raises(BlockingIOError):
            server.accept()


@pytest.fixture
def outside(tmp_path):
    """Return a folder outside of the map, with a file `canary` that no map may read."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "canary").write_bytes(CANARY)
    return folder


@pytest.fixture
def texts(outside, port):
    """Return hostile strings by name; some of them name the canary or the port."""
    return maps.texts(outside / "canary", port)


@pytest.fixture
def hostile(seed, outside, tmp_path, monkeypatch):  # noqa: ARG001 - the attacks link to `outside`
    """Return a copy of the map, with payloads in the map and in the current folder."""
    folder = maps.copy_map(seed, tmp_path / "hostile_map")
    for place in (tmp_path, folder):
        (place / "payload.py").write_text(PAYLOAD)
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return folder


@pytest.fixture
def use(hostile, outside, featscape, tmp_path):
    """Return a function that uses the hostile map, whose file `changed` is hostile.

    The function opens the map, transforms features, runs each command that reads a map, sends
    requests to the server, and exports the map as a site. The function omits the commands if the
    changed file is in bundle/.

    The function fails if one of these steps reads a file outside of the map, connects, starts a
    process, executes the payload, prints a control character, or reports an error in more than
    one line. The function returns the message of the error if the map cannot be opened, else None.
    """

    def run(changed):
        site, report = tmp_path / "site", tmp_path / "report.html"
        shown = []
        with recorded_events(outside) as events:
            try:
                made = open_map(hostile)
                load_tsne(made).transform(np.array(made.features[:2]))
                line = None
            except FeatscapeError as error:
                line = str(error)
            if not changed.startswith("bundle/"):
                shown = [featscape(*command) for command in commands(hostile, report)]
            request_everything(hostile)
            try:
                export_site(hostile, site)
            except FeatscapeError as error:
                assert_line(str(error))
        assert events == []
        assert "payload" not in sys.modules
        for screen in shown:
            assert screen.status in (0, 2)
            assert "\x1b" not in screen.out + screen.err
            assert "Traceback" not in screen.err
            if screen.status == 2:
                assert len(screen.err.splitlines()) == 1
        if line is not None:
            assert_line(line)
        assert_harmless_site(site)
        assert_harmless_report(report)
        return line

    return run


def assert_harmless_site(site):
    """Check the files of a site, if the site was exported; delete the site."""
    if site.exists():
        for file in site.rglob("*"):
            assert file.is_dir() or CANARY not in file.read_bytes()
        shutil.rmtree(site)


def assert_harmless_report(report):
    """Check a report, if the report was written; delete the report."""
    if report.exists():
        content = report.read_bytes()
        assert CANARY not in content
        assert b"<script" not in content.lower()
        report.unlink()


def commands(folder, report):
    """Return the arguments of each command that reads a map, except `serve` and `export`."""
    return [
        ("info", folder),
        ("findings", folder),
        ("search", folder, "animal"),
        ("report", folder, "--to", report),
    ]


def assert_line(line):
    assert line.endswith((".", "(force=True)."))
    assert CANARY.decode() not in line
    assert len(printable(line)) < 3_000


def request_everything(folder):
    """Send a request for each resource to the server of a map, if the server accepts the map."""
    try:
        served = ServedMap(folder)
    except FeatscapeError as error:
        assert_line(str(error))
        return
    with closing(served):
        check_responses(open_client(served), folder)


def open_client(served):
    guarded = Guard(make_app(served), access=Access.on_loopback(8000))
    return TestClient(guarded, base_url="http://127.0.0.1:8000")


def check_responses(client, folder):
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
        assert CANARY not in answer.content
        if answer.status_code >= 400:
            assert set(answer.json()) == {"error", "status"}


def test_the_unchanged_map_opens(hostile, use):
    assert use("run.json") is None
    assert {"run.json", "bundle/manifest.json", "thumbnails/data.bin"} <= set(
        maps.list_files(hostile)
    )


def test_the_commands_open_no_file_of_the_bundle(hostile, featscape, tmp_path):
    with recorded_events(hostile / "bundle") as events:
        for command in commands(hostile, tmp_path / "report.html"):
            assert featscape(*command).status == 0
    assert events == []


ATTACKS = list(maps.file_attacks(Path("/canary")))


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_replaced_file_is_refused_or_left_out(hostile, seed, use, outside, attack):
    change = maps.file_attacks(outside / "canary")[attack]
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    for name in maps.list_kinds(seed):
        maps.copy_map(seed, hostile)
        change(hostile / name)
        line = use(name)
        read_at_opening = not name.startswith(
            ("bundle/", "scatter.png", "findings.json", "words.npz")
        )
        if read_at_opening and attack not in ("damaged", "missing"):
            assert line is not None, name
    gc.collect()
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < MOST_GROWTH_KB


def test_a_link_to_the_same_content_outside_is_neither_served_nor_exported(
    hostile, seed, outside, tmp_path
):
    move = maps.file_attacks(outside / "canary")["link to the same content outside"]
    sent = [name for name in maps.list_files(seed) if name.startswith(("bundle/", "scatter.png"))]
    assert len(sent) > 5
    for name in sent:
        maps.copy_map(seed, hostile)
        move(hostile / name)
        assert (hostile / name).read_bytes() == (seed / name).read_bytes()
        with recorded_events(outside) as events:
            with pytest.raises(FeatscapeError, match="it is a link"):
                ServedMap(hostile)
            with pytest.raises(FeatscapeError, match="it is a link"):
                export_site(hostile, tmp_path / "site")
        assert events == [], name


def test_a_file_opened_relative_to_an_open_folder_is_recorded(hostile, outside):
    (hostile / "link").symlink_to(outside / "canary")
    folder = os.open(hostile, os.O_RDONLY | os.O_DIRECTORY)
    with recorded_events(outside) as events:
        with pytest.raises(OSError, match="link"):
            os.open("link", os.O_RDONLY | os.O_NOFOLLOW, dir_fd=folder)
        assert events == []
        os.close(os.open("link", os.O_RDONLY, dir_fd=folder))
    os.close(folder)
    assert events == [f"open {outside / 'canary'}"]


@pytest.mark.parametrize("folder", ["bundle", "thumbnails"])
def test_a_map_with_a_linked_folder_is_not_exported(hostile, use, outside, tmp_path, folder):
    (hostile / folder).rename(outside / folder)
    (hostile / folder).symlink_to(outside / folder)
    use("run.json")  # each step
    with pytest.raises(FeatscapeError, match="it is a link"):
        export_site(hostile, tmp_path / "site")


@pytest.mark.parametrize("name", list(maps.texts(Path("/canary"), 1)))
@pytest.mark.parametrize("file", ["run.json", "findings.json", "bundle/manifest.json"])
def test_hostile_strings_in_a_json_file_cause_no_harm(hostile, use, texts, file, name):
    maps.change_json(hostile / file, lambda content: maps.all_replaced(content, texts[name]))
    use(file)


@pytest.mark.parametrize("form", ["--json", "--csv"])
def test_hostile_findings_are_printed_without_control_characters(hostile, featscape, form):
    text = "\x1b[2J\x9b31m\u202e"
    maps.change_json(hostile / "findings.json", lambda content: maps.all_replaced(content, text))
    shown = featscape("findings", hostile, form)
    assert shown.status == 0
    assert all(c.isprintable() or c == "\n" for c in shown.out)
    if form == "--json":
        assert json.loads(shown.out)["reliability"][0]["text"] == text


@pytest.mark.parametrize("file", ["run.json", "findings.json", "bundle/manifest.json"])
def test_a_json_value_of_another_type_causes_at_most_an_error_of_one_line(
    hostile, seed, featscape, file
):
    content = json.loads((seed / file).read_text())
    with recorded_events() as events:
        for number, place in enumerate(maps.kinds_of_places(content)):
            value = maps.VALUES[number % len(maps.VALUES)]
            (hostile / file).write_text(json.dumps(maps.replaced(content, place, value)))
            command = {"run.json": "info", "findings.json": "findings"}.get(file)
            if command:
                report = ("report", hostile, "--to", hostile.parent / "report.html", "--force")
                for shown in (featscape(command, hostile), featscape(*report)):
                    assert shown.status in (0, 2), place
                    assert "Traceback" not in shown.err
            else:
                request_everything(hostile)
    assert events == []


@pytest.mark.parametrize(
    "model",
    ["payload:net", "hostile_map.payload:net", "os:abort", "/dev/zero.onnx", "timm:hf-hub:a/b"],
)
def test_a_network_named_by_a_map_is_not_loaded(hostile, use, model):
    card = {
        "name": model,
        "layer": "output",
        "weights": "/dev/zero",
        "weights_sha256": "0" * 64,
        "preprocessing": "p",
        "n_features": 48,
    }
    maps.change_json(hostile / "run.json", lambda run: run | {"model": card})
    assert use("run.json") is None
    with closing(ServedMap(hostile)) as served:
        client = open_client(served)
        assert '"place":false' in client.get("/").text
        refused = client.post("/api/place", content=b"image")
    assert refused.status_code == 404
    assert "--model" in refused.json()["error"]


def test_a_changed_items_table_causes_at_most_one_line_of_error(hostile, seed, featscape):
    table = maps.read_items(seed)
    for kind, variant in maps.item_tables(table, "\x1b]52;c;aGFybQ==\x07<script>"):
        maps.write_items(hostile, variant)
        shown = featscape("info", hostile)
        assert shown.status in (0, 2), kind
        assert "\x1b" not in shown.out + shown.err, kind
        assert len(shown.err.splitlines()) <= 1, kind
        request_everything(hostile)


def test_opening_a_map_that_is_being_replaced_returns_one_version(seed, tmp_path):
    """Swap two maps with the same number of items while the map is opened 150 times."""
    versions = [maps.copy_map(seed, tmp_path / name) for name in ("a", "b")]
    for number, folder in enumerate(versions):
        np.save(folder / "features.npy", np.load(seed / "features.npy") + np.float32(number))
        maps.change_json(folder / "run.json", lambda run, n=number: run | {"n_iter": n})
        table = maps.read_items(seed)
        x = pa.array(np.full(N_ITEMS, number, np.float32))
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
            except InputError:  # between the two renames, there is no map
                continue
            opened.append(made.run["n_iter"])
            assert made.positions[0, 0] == made.run["n_iter"]
            assert made.features[0, 0] == features[made.run["n_iter"]]
    finally:
        done.set()
        swapping.join()
    assert set(opened) == {0, 1}
