import json

import numpy as np
import pytest

from featscape.embedding import check_perplexity, load_tsne
from featscape.errors import InputError
from featscape.pipeline import embed_features, open_map


@pytest.mark.parametrize(
    ("perplexity", "n_items", "words"),
    [
        (30, 60, r"below \(n - 1\)/3 = 19.7 for 60 items; got 30.* Lower perplexity or add"),
        (0.5, 60, "at least 1; got 0.5"),
        (float("nan"), 60, "got nan"),
        (30, 2, "at least 5 items.* got 2 samples. Add"),
    ],
)
def test_perplexity(perplexity, n_items, words):
    with pytest.raises(InputError, match=words):
        check_perplexity(perplexity, n_items)


def test_perplexity_that_holds():
    check_perplexity(30, 92)
    check_perplexity(1, 5)


@pytest.mark.parametrize("name", ["learning_rate", "seed", "device"])
def test_a_parameter_that_was_not_stored_is_not_guessed(here, name):
    np.save("f.npy", np.random.default_rng(0).normal(size=(30, 4)))
    embed_features("f.npy", "m", perplexity=4)
    file = here / "m" / "run.json"
    run = json.loads(file.read_text())
    del run["parameters"][name]
    file.write_text(json.dumps(run))
    with pytest.raises(InputError, match=f"it lacks {name}. Make the map again with --force"):
        load_tsne(open_map("m"))
