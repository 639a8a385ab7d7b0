import numpy as np

from featscape.findings.spaces import principal_components, unit_rows


def test_the_components_and_the_squares_give_the_cosine_distances():
    features = np.random.default_rng(0).normal(1, 1, size=(80, 6)).astype(np.float32)
    rows = unit_rows(features)
    found = principal_components(features, 6, random_state=0)
    squares = found.squares[:, None] + found.squares - 2 * found.values @ found.values.T
    np.testing.assert_allclose(found.scale**2 * squares / 2, 1 - rows @ rows.T, atol=1e-5)
    part = principal_components(features, 2, random_state=0)
    assert (part.squares > np.square(part.values).sum(axis=1)).all()
