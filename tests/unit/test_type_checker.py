"""A type checker sees the keywords of the functions whose options are records."""

import pytest
from mypy import api


@pytest.mark.parametrize(
    ("call", "message"),
    [
        ('make_map("photos", perplxety=5)', 'Unexpected keyword argument "perplxety"'),
        ('make_map("photos", perplexity="5")', 'Argument "perplexity" to "make_map" has incompat'),
        ('embed_features("f.npy", limit=5)', 'Unexpected keyword argument "limit"'),
        ('len(make_map("photos", layers="layer3").paths)', 'Argument 1 to "len" has incompatible'),
        ('make_maps("photos", "m", layers=["a", "b"])[0].positions', None),
    ],
)
def test_mypy_checks_the_keywords(tmp_path, call, message):
    file = tmp_path / "script.py"
    file.write_text(f"from featscape import embed_features, make_map, make_maps\n{call}\n")
    found, _, status = api.run(["--strict", str(file)])
    assert (message or "Success") in found
    assert status == (0 if message is None else 1)
