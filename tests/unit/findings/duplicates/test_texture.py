import numpy as np

from featscape.findings.duplicates.texture import have_equal_texture

Y, X = np.mgrid[:48, :48] / 24 - 1
DISC = (X**2 + Y**2 < 0.7).ravel()


def texture(seed, *, size=12):
    """Return a texture of random squares of 4 px, (2304,)."""
    squares = np.random.default_rng(seed).normal(0, 30, (size, size))
    return np.kron(squares, np.ones((48 // size, 48 // size))).ravel().astype(np.float32)


def is_equal(first, second, *, drawn=DISC, other_drawn=DISC):
    found = have_equal_texture(
        first[None],
        second[None],
        in_both=(drawn & other_drawn)[None],
        in_one=(drawn | other_drawn)[None],
    )
    assert found.shape == (1,)
    return found[0]


def test_equal_textures_may_differ_in_contrast_and_by_noise():
    noise = np.random.default_rng(9).normal(0, 4, 2304).astype(np.float32)
    assert is_equal(texture(0), texture(0))
    assert is_equal(texture(0), 0.5 * texture(0) + noise - 40)


def test_other_textures_of_the_same_outline_differ():
    assert not is_equal(texture(0), texture(1))
    assert not is_equal(texture(0), -texture(0))


def test_a_small_part_with_another_texture_is_a_difference():
    changed = np.where((np.abs(X) < 0.25).ravel() & (np.abs(Y) < 0.25).ravel(), texture(1), 0)
    changed = np.where(changed, changed, texture(0))
    assert not is_equal(texture(0), changed)


def test_without_texture_an_equal_outline_is_no_evidence():
    flat = np.full(2304, 90, dtype=np.float32)
    assert not is_equal(flat, flat)
    assert not is_equal(texture(0) / 20, texture(0) / 20)


def test_the_foregrounds_must_overlap_and_be_large():
    half = DISC & (X.ravel() > 0)
    assert not is_equal(texture(0), texture(0), drawn=half)
    small = (X**2 + Y**2 < 0.1).ravel()
    assert not is_equal(texture(0), texture(0), drawn=small, other_drawn=small)


def test_no_pairs_have_no_result():
    empty = np.zeros((0, 2304))
    is_none = empty.astype(bool)
    assert have_equal_texture(empty, empty, in_both=is_none, in_one=is_none).shape == (0,)
