"""featscape classify refuses unusable names and maps."""

import numpy as np
import pytest


@pytest.fixture
def made(featscape, tmp_path, monkeypatch):
    """Make a map of features."""
    monkeypatch.chdir(tmp_path)
    np.save("features.npy", np.random.default_rng(0).normal(size=(6, 4)).astype(np.float32))
    assert featscape("embed", "features.npy", "--perplexity", "2", "-o", "a-map").status == 0
    return tmp_path / "a-map"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("--names", "cat"), "the names must be 2 to 1,000 different names; got 1"),
        (("--names", "cat, cat"), "got 1"),
        (("--names", "cat,,dog"), "each name must have 1 to 200 characters; got ''"),
        (("--names", "cat," + "x" * 201), "each name must have 1 to 200 characters"),
        (("--names", "cat,dog", "--template", "a photo"), "must contain {} once"),
        (("--names", "cat,dog"), "cannot be classified by names: the network of this map has no"),
    ],
)
def test_what_cannot_be_classified_is_refused(featscape, made, arguments, message):
    done = featscape("classify", made, *arguments)
    assert done.status == 2
    assert message in done.err
