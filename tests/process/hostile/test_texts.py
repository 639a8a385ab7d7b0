"""Hostile strings in a map cause no harm: no control characters, no code, no other files."""

import json
from contextlib import closing
from pathlib import Path

import pytest

from featscape.app.server.application import ServedMap
from hostile import maps
from hostile.uses import open_client

HOSTILE = "\x1b[2J\x9b31m\u202e"

# `make test-zoo` tries these texts, which name code and files in further ways.
ZOO = ("module in the map", "standard module", "file address", "path", "device", "long", "empty")
TEXTS = [
    pytest.param(name, marks=pytest.mark.zoo) if name in ZOO else name
    for name in maps.texts(Path("/canary"), 1)
]


@pytest.mark.parametrize("name", TEXTS)
@pytest.mark.parametrize(
    "file", ["run.json", "findings.json", "regions.json", "bundle/manifest.json"]
)
def test_hostile_strings_in_a_json_file_cause_no_harm(hostile, use, texts, file, name):
    maps.change_json(hostile / file, lambda content: maps.all_replaced(content, texts[name]))
    use(file)


def test_hostile_findings_are_printed_without_control_characters(hostile, featscape):
    maps.change_json(hostile / "findings.json", lambda content: maps.all_replaced(content, HOSTILE))
    shown = featscape("findings", hostile, "--json")
    assert shown.status == 0
    assert all(c.isprintable() or c == "\n" for c in shown.out)
    assert json.loads(shown.out)["classes"][0]["text"] == HOSTILE


def test_a_table_of_hostile_findings_has_control_characters_only_in_a_file(
    hostile, featscape, monkeypatch
):
    maps.change_json(hostile / "findings.json", lambda content: maps.all_replaced(content, HOSTILE))
    assert HOSTILE in featscape("findings", hostile, "--csv").out
    monkeypatch.setattr("featscape.cli.commands.is_terminal", lambda: True)
    shown = featscape("findings", hostile, "--csv")
    assert shown.status == 0
    assert all(c.isprintable() or c == "\n" for c in shown.out)


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
