"""regions.json of a map folder, which may come from a stranger."""

import json

import pytest

from featscape.errors import InputError
from featscape.mapfolder.regions_file import read_regions, write_regions
from featscape.records.regions import MOST_REGIONS, Region

REGIONS = (
    Region(0, None, "dog", (("dog", 0.8), ("animal", 0.9)), 8, 3, 4),
    Region(1, 0, "pug \udcff", (("pug", 0.5),), 4, 1, 2),
)


def test_the_written_regions_are_read(tmp_path):
    write_regions(tmp_path, REGIONS)
    read = read_regions(tmp_path, n_items=10)
    assert read[0] == REGIONS[0]
    assert read[1].name == r"pug \xff"


def test_equal_regions_are_equal_bytes(tmp_path):
    write_regions(tmp_path, REGIONS)
    first = (tmp_path / "regions.json").read_bytes()
    write_regions(tmp_path, REGIONS)
    assert (tmp_path / "regions.json").read_bytes() == first


def test_a_map_without_the_file_has_none(tmp_path):
    assert read_regions(tmp_path, n_items=10) is None


def test_a_file_without_regions_is_read(tmp_path):
    write_regions(tmp_path, ())
    assert read_regions(tmp_path, n_items=10) == ()


@pytest.mark.parametrize(
    ("place", "value", "reason"),
    [
        ("level", -1, "has the level -1"),
        ("level", 1e9, "has the level|valid integer"),
        ("level", True, "valid integer"),
        ("parent", 1, "the parent 1, which does not precede"),
        ("parent", -1, "the parent -1"),
        ("name", None, "valid string"),
        ("name", "x" * 10_001, "more than 10,000 letters"),
        ("words", [["dog", 2.0]], "a share that is not between 0 and 1"),
        ("words", [["dog", "much"]], "valid number"),
        ("words", [["dog"]], "words"),
        ("n_items", 0, "not among the 10 items"),
        ("n_items", 11, "not among the 10 items"),
        ("anchor", 10, "not among the 10 items"),
        ("anchor", -1, "not among the 10 items"),
        ("representative", 10, "not among the 10 items"),
        ("representative", 10**30, "not among the 10 items|valid integer"),
    ],
)
def test_damaged_regions_are_refused(tmp_path, place, value, reason):
    write_regions(tmp_path, REGIONS)
    file = tmp_path / "regions.json"
    content = json.loads(file.read_text())
    content["regions"][1 if place == "parent" else 0][place] = value
    file.write_text(json.dumps(content))
    with pytest.raises(InputError, match=r"regions\.json is missing or damaged") as error:
        read_regions(tmp_path, n_items=10)
    assert error.match(reason)


@pytest.mark.parametrize("content", [b"", b"no JSON", b"[]", b"[" * 100_000, b'{"regions": 3}'])
def test_a_file_of_another_kind_is_refused(tmp_path, content):
    (tmp_path / "regions.json").write_bytes(content)
    with pytest.raises(InputError, match=r"regions\.json is missing or damaged"):
        read_regions(tmp_path, n_items=4)


def test_too_many_regions_are_refused(tmp_path):
    write_regions(tmp_path, REGIONS[:1] * (MOST_REGIONS + 1))
    with pytest.raises(InputError, match="3,001 regions"):
        read_regions(tmp_path, n_items=10)


@pytest.mark.parametrize("place", ["regions", "words"])
def test_many_wrong_values_cause_one_error(tmp_path, place):
    write_regions(tmp_path, REGIONS)
    content = json.loads((tmp_path / "regions.json").read_text())
    (content if place == "regions" else content["regions"][0])[place] = [0] * 5000
    (tmp_path / "regions.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="is missing or damaged") as error:
        read_regions(tmp_path, n_items=10)
    assert error.value.__cause__.error_count() == 1
