"""A type checker finds wrong keywords of the functions whose options are records."""

from mypy import api

CALLS = (
    ('make_map("photos", perplxety=5)', 'Unexpected keyword argument "perplxety"'),
    ('make_map("photos", perplexity="auto")', None),
    ('make_map("photos", perplexity="5")', 'Argument "perplexity" to "make_map" has incompat'),
    ('embed_features("f.npy", limit=5)', 'Unexpected keyword argument "limit"'),
    ('len(make_map("photos", layers="layer3").paths)', 'Argument 1 to "len" has incompatible'),
    ('make_maps("photos", "m", layers=["a", "b"])[0].positions', None),
)


def test_mypy_reports_wrong_keywords_and_types(tmp_path):
    file = tmp_path / "script.py"
    lines = ["from featscape import embed_features, make_map, make_maps", *(c for c, _ in CALLS)]
    file.write_text("\n".join(lines) + "\n")
    found, _, _ = api.run(["--strict", str(file)])
    errors = [line for line in found.splitlines() if ": error: " in line]
    expected = [(number, text) for number, (_, text) in enumerate(CALLS, start=2) if text]
    assert len(errors) == len(expected), found
    for error, (number, text) in zip(errors, expected, strict=True):
        assert f"script.py:{number}: error: {text}" in error
