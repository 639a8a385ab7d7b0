from functools import partial

import numpy as np
import pytest

from featscape.findings.shortcuts import cells
from featscape.findings.shortcuts.orders import measure_assortativity
from featscape.findings.shortcuts.properties import Property, collect_properties
from featscape.findings.spaces import search_all_pairs
from featscape.labels.classes import count_classes

find_shortcuts = partial(cells.find_shortcuts, random_state=0)

CAMERAS = np.array(["X", "Y", "Z", "W"], dtype=object)


def near_by_camera(cameras, shifts, *, seed=0):
    """Return the neighbors among random features that a shift per camera moves, (n, 10)."""
    features = np.random.default_rng(seed).normal(size=(len(cameras), 4))
    features[:, 0] += [shifts.get(camera, 0.0) for camera in cameras]
    return search_all_pairs(features.astype(np.float32), 10).indices


def orders(near, **columns):
    return find_shortcuts(None, None, neighbors=near, columns=columns).findings


def test_assortativity_is_1_for_equal_neighbors_and_0_for_random_neighbors():
    rng = np.random.default_rng(0)
    values = rng.normal(size=600)
    near = search_all_pairs(values[:, None].astype(np.float32), 10).indices
    unrelated = rng.integers(0, 600, near.shape).astype(np.int32)
    number = Property("number", values)
    category = Property("category", (values > 0).astype(np.intp), levels=("a", "b"))
    for one in (number, category):
        assert measure_assortativity(one, near) > 0.95
        assert abs(measure_assortativity(one, unrelated)) < 0.05


def test_a_property_that_orders_the_neighbors_is_reported_without_labels():
    values = np.random.default_rng(0).normal(size=200)
    near = search_all_pairs(values[:, None].astype(np.float32), 10).indices
    part = find_shortcuts(None, None, neighbors=near, columns={"depth": values})
    (finding,) = part.findings
    assert (finding.property_name, finding.kind, finding.label) == ("depth", "order", "")
    assert finding.text.startswith("Items with similar features also have a similar depth")
    assert finding.assortativity == finding.evidence.score > 0.9
    assert part.reason.startswith("Without two or more classes")


def test_the_method_of_an_order_has_the_number_of_neighbors():
    values = np.random.default_rng(0).normal(size=200)
    near = search_all_pairs(values[:, None].astype(np.float32), 6).indices
    (finding,) = find_shortcuts(None, None, neighbors=near, columns={"depth": values}).findings
    assert "graph of the 6 nearest neighbors" in finding.evidence.method


def test_few_known_values_that_agree_by_chance_order_no_neighbors():
    values = np.full(200, None, dtype=object)
    values[:4] = "a", "a", "b", "b"
    near = np.full((200, 1), 100)
    near[:4, 0] = 1, 0, 3, 2  # a third of all permutations has equal values in both pairs
    (one,) = collect_properties(None, columns={"camera": values})
    assert measure_assortativity(one, near.astype(np.int32)) == 1
    part = find_shortcuts(None, None, neighbors=near.astype(np.int32), columns={"camera": values})
    assert part.findings == ()


def test_a_category_that_orders_many_neighbors_is_reported():
    values = np.array(["a", "b"], dtype=object)[np.arange(200) // 100]
    near = ((np.arange(200)[:, None] + np.arange(1, 6)) % 200).astype(np.int32)
    (finding,) = find_shortcuts(None, None, neighbors=near, columns={"camera": values}).findings
    assert finding.property_name == "camera"
    assert finding.evidence.method.endswith(
        "higher than under 20 permutations of the values, because 1 property was tested."
    )
    assert (finding.share, finding.share_low, finding.share_expected) == (None, None, None)


def test_one_value_that_orders_the_neighbors_is_named_although_the_column_is_not_listed():
    camera = CAMERAS[np.random.default_rng(1).integers(0, 4, 400)]
    near = near_by_camera(camera, {"Z": 20.0})
    (column,) = collect_properties(None, columns={"camera": camera})
    assert measure_assortativity(column, near) < 0.4
    (finding,) = orders(near, camera=camera)
    assert finding.text.startswith("The items with camera Z are near one another: ")
    assert (finding.property_name, finding.label) == ("camera", "")
    assert finding.assortativity == finding.evidence.score > 0.9
    assert len(finding.items) == 50
    assert {camera[item] for item in finding.items} == {"Z"}
    # two tests: the column and its values
    assert finding.evidence.method.endswith(
        "higher than under 40 permutations of the values, because 1 property and the values of 1 "
        "category were tested. The value is compared with all other values together."
    )


def test_a_column_whose_values_all_order_the_neighbors_is_listed_once():
    camera = CAMERAS[np.random.default_rng(1).integers(0, 4, 400)]
    (finding,) = orders(near_by_camera(camera, {"Y": 20.0, "Z": 40.0, "W": 60.0}), camera=camera)
    assert finding.text.startswith("Items with similar features also have a similar camera")
    assert finding.items == ()


@pytest.mark.parametrize("n_values", [3, 20])
def test_values_that_do_not_depend_on_the_neighbors_are_not_listed(n_values):
    near = near_by_camera(np.full(1_200, "X"), {})
    for seed in range(5):
        codes = np.random.default_rng(seed).integers(0, n_values, 1_200)
        assert orders(near, camera=codes.astype(str).astype(object)) == ()


def test_a_value_of_few_images_and_the_name_of_a_class_are_not_tested():
    camera = CAMERAS[np.arange(400) % 2]
    camera[:49] = "Z"
    near = near_by_camera(camera, {"Z": 20.0})
    assert orders(near, camera=camera) == ()
    camera[49] = "Z"
    near = near_by_camera(camera, {"Z": 20.0})
    assert any("camera Z" in one.text for one in orders(near, camera=camera))
    labels = np.where(np.arange(400) % 5 < 2, "z", "cat").tolist()
    part = find_shortcuts(
        None, count_classes(labels, 400), neighbors=near, columns={"camera": camera}
    )
    assert [one for one in part.findings if not one.label] == []


def test_missing_values_are_neither_the_value_nor_another_value():
    camera = CAMERAS[np.random.default_rng(1).integers(0, 4, 400)]
    near = near_by_camera(camera, {"Z": 20.0})
    camera[::7] = None
    (finding,) = orders(near, camera=camera)
    assert finding.assortativity > 0.9
    assert {camera[item] for item in finding.items} == {"Z"}


def test_few_pairs_with_one_value_that_agree_by_chance_are_not_listed():
    camera = np.full(200, None, dtype=object)
    camera[:150] = CAMERAS[np.arange(150) // 50]
    near = np.full((200, 1), 199)
    # pairs X, X and Y, Z; a third of all permutations of the four has two equal values in a pair
    near[[0, 1, 50, 100], 0] = 1, 0, 100, 50
    (column,) = collect_properties(None, columns={"camera": camera})
    assert measure_assortativity(column, near.astype(np.int32)) < 0.4
    assert orders(near.astype(np.int32), camera=camera) == ()
