import json
import re

import numpy as np
import pytest

from featscape.bundle import open_bundle
from featscape.errors import InputError


def test_a_map_without_a_bundle_is_refused(tmp_path):
    with pytest.raises(InputError, match=r"missing or incomplete.* with --force"):
        open_bundle(tmp_path / "bundle")


@pytest.mark.parametrize("content", [b"", b"{}", b'{"format": "other"}', b"\xff"])
def test_a_damaged_manifest_is_refused(bundle_of, content):
    folder = bundle_of(20).folder
    (folder / "manifest.json").write_bytes(content)
    with pytest.raises(InputError, match=r"manifest.json is missing or damaged: .* Make the map"):
        open_bundle(folder)


def test_a_manifest_with_unknown_fields_may_be_of_a_newer_release(bundle_of):
    file = bundle_of(20).folder / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {"new_field": 1}))
    with pytest.raises(InputError, match="it has new_field, so this map may come from a newer"):
        open_bundle(file.parent)
    file.write_text(json.dumps(json.loads(file.read_text()) | {"classes": 3}))
    with pytest.raises(InputError, match="damaged: classes"):
        open_bundle(file.parent)


@pytest.mark.parametrize("name", ["facts", "grid"])
def test_objects_with_many_entries_are_refused(bundle_of, name):
    file = bundle_of(20).folder / "manifest.json"
    many = {str(number): 0 for number in range(2000)}
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: many}))
    with pytest.raises(InputError, match="an object has 2,000 entries, more than 1,000"):
        open_bundle(file.parent)


@pytest.mark.parametrize("name", ["classes", "columns", "thumbnails", "names", "level_ends"])
def test_many_wrong_values_cause_one_error(bundle_of, name):
    file = bundle_of(20).folder / "manifest.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | {name: [None] * 1000}))
    with pytest.raises(InputError, match=f"damaged: {name}") as error:
        open_bundle(file.parent)
    assert error.value.__cause__.error_count() < 10


@pytest.mark.parametrize(
    "name", ["../elsewhere.bin", "/etc/passwd", "..", 'x"><script>.bin', "positions.bin\\n", ""]
)
def test_file_names_outside_the_bundle_are_refused(bundle_of, name):
    folder = bundle_of(20).folder
    (folder.parent / "elsewhere.bin").write_bytes((folder / "positions.bin").read_bytes())
    manifest = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(
        manifest.replace("positions.bin", name.replace('"', '\\"'))
    )
    with pytest.raises(InputError, match=r"manifest.json is .* damaged: positions.file: "):
        open_bundle(folder)


def test_an_invalid_color_is_refused(bundle_of):
    folder = bundle_of(20).folder
    manifest = (folder / "manifest.json").read_text()
    color = open_bundle(folder).manifest.classes[0].color
    (folder / "manifest.json").write_text(manifest.replace(color, "url(//example.org)"))
    with pytest.raises(InputError, match=r"classes.0.color: "):
        open_bundle(folder)


def test_the_size_of_every_file_is_checked(bundle_of):
    bundle = bundle_of(20)
    for name in bundle.files()[1:]:
        file = bundle.folder / name
        whole = file.read_bytes()
        for damaged in (whole[:-1], whole + b"x"):
            file.write_bytes(damaged)
            with pytest.raises(InputError, match=rf"{name} is missing or damaged: the file has"):
                open_bundle(bundle.folder)
        file.unlink()
        with pytest.raises(InputError, match=rf"{name} is missing or damaged: No such file"):
            open_bundle(bundle.folder)
        file.write_bytes(whole)
    open_bundle(bundle.folder)


@pytest.mark.parametrize("starts", [[np.nan, 9], [0, np.inf], [0, np.nan], [5, 9], [9, 0]])
def test_offsets_of_blocks_must_increase(bundle_of, starts):
    bundle = bundle_of(20)
    file = bundle.folder / bundle.manifest.thumbnails[0].starts.file
    file.write_bytes(np.array(starts, "<f8").tobytes())
    with pytest.raises(InputError, match=rf"{file.name} is missing or damaged: the offsets do not"):
        open_bundle(bundle.folder)


@pytest.mark.parametrize(
    ("found", "words"),
    [
        ('"names":[{"item":5,"code":0,"n_items":1}]', "class 0 of 2 at item 5 of 5"),
        ('"names":[{"item":0,"code":2,"n_items":1}]', "class 2 of 2 at item 0 of 5"),
        ('"names":[{"item":-1,"code":0,"n_items":1}]', "names.0.item: "),
        ('"names":[{"item":0,"code":0,"n_items":0}]', "names.0.n_items: "),
        (f'"names":{[{"item": 0, "code": 0, "n_items": 1}] * 3001}', "names: List should have"),
    ],
)
def test_invalid_names_of_classes_are_refused(bundle_of, found, words):
    folder = bundle_of(5, labels=[*"ababa"]).folder
    manifest = (folder / "manifest.json").read_text()
    changed = re.sub(r'"names":\[.*?\]', lambda _: found.replace("'", '"'), manifest)
    (folder / "manifest.json").write_text(changed)
    with pytest.raises(InputError, match=words):
        open_bundle(folder)


def test_a_bundle_without_names_opens(bundle_of):
    folder = bundle_of(5, labels=[*"ababa"]).folder
    manifest = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(re.sub(r'"names":\[.*?\],', "", manifest))
    assert open_bundle(folder).manifest.names == []


REGION = '{"item":0,"name":"dog","level":0,"n_items":1}'


@pytest.mark.parametrize(
    ("region", "words"),
    [
        (REGION.replace('"item":0', '"item":5'), "a region with item 5 of 5"),
        (REGION.replace('"item":0', '"item":-1'), "regions.0.item: "),
        (REGION.replace('"level":0', '"level":-1'), "regions.0.level: "),
        (REGION.replace("}", ',"image":5}'), "a region with item 5 of 5"),
        (REGION.replace("}", ',"image":-1}'), "regions.0.image: "),
        (REGION.replace('"dog"', "null"), "regions.0.name: "),
        (",".join([REGION] * 3001), "regions: List should have"),
    ],
)
def test_invalid_regions_are_refused(bundle_of, region, words):
    folder = bundle_of(5).folder
    manifest = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(manifest.replace('"regions":[]', f'"regions":[{region}]'))
    with pytest.raises(InputError, match=words):
        open_bundle(folder)


def test_a_region_of_an_older_bundle_has_no_image(bundle_of):
    folder = bundle_of(5).folder
    manifest = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(manifest.replace('"regions":[]', f'"regions":[{REGION}]'))
    assert open_bundle(folder).manifest.regions[0].image is None


def test_a_bundle_without_regions_opens(bundle_of):
    folder = bundle_of(5).folder
    manifest = (folder / "manifest.json").read_text()
    (folder / "manifest.json").write_text(manifest.replace('"regions":[],', ""))
    assert open_bundle(folder).manifest.regions == []
