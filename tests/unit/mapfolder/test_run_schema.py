"""The types of run.json."""

import json

import pytest
from pydantic import ValidationError

from featscape.mapfolder.run_schema import RunFile, find_problem
from featscape.options import PictureOptions

MANY = 1_000
RUN = {
    "source": "photos",
    "created": "2026-01-01",
    "versions": {"featscape": "1.0"},
    "counts": {"items": 2},
    "model": None,
    "parameters": {},
    "kl_divergence": 0.5,
    "n_iter": 100,
    "agreement": {"n_neighbors": 5, "overall": 1.0, "by_class": {"cat": 1, "dog": 0.5}},
    "timings_s": {"find": 1.0, "features": 2},
    "skipped": [{"path": "a.png", "reason": "not an image"}],
}


def test_a_valid_run_has_no_problem():
    assert find_problem(RUN) is None


@pytest.mark.parametrize(
    ("entries", "problem"),
    [
        ({"skipped": [0] * MANY}, "skipped.0: "),
        ({"timings_s": {"find": 1} | {str(i): -1 for i in range(MANY)}}, "timings_s.0: "),
        ({"renamed_labels": dict.fromkeys(map(str, range(MANY)))}, "renamed_labels.0: "),
        (
            {"agreement": RUN["agreement"] | {"by_class": dict.fromkeys(map(str, range(MANY)), 2)}},
            "agreement.by_class.0: ",
        ),
    ],
)
def test_many_wrong_entries_cause_one_error(entries, problem):
    run = RUN | entries
    with pytest.raises(ValidationError) as error:
        RunFile.model_validate_json(json.dumps(run))
    assert error.value.error_count() == 1
    assert find_problem(run).startswith(problem)


def test_a_large_record_of_the_network_is_refused():
    problem = find_problem(RUN | {"model": {"widths": ["x"] * 1_000_000}})
    assert problem.startswith("model: it has 5,000,0")


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"dark": 1}, "pictures.dark: "),
        ({"color": "red"}, "its entry pictures has the unknown entry color"),
    ],
)
def test_wrong_options_of_the_pictures_are_refused(changes, problem):
    recorded = vars(PictureOptions().pictures)
    assert find_problem(RUN | {"pictures": recorded}) is None
    assert find_problem(RUN | {"pictures": recorded | changes}).startswith(problem)


@pytest.mark.parametrize("name", ["model", "parameters"])
def test_a_deeply_nested_record_is_refused(name):
    nested = []
    for _ in range(100_000):
        nested = [nested]
    assert "recursion" in find_problem(RUN | {name: {"widths": nested}})
