"""Compare the foregrounds of pairs of pictures with a plain background.

Any two drawings with similar outlines correlate, because the background is equal. The correlation
over the pixels that differ from the background in one of the two pictures, and the colors of these
pixels, distinguish a copy from another drawing. A copy with a caption, a border or black corners
has another outline; `texture` compares the texture inside.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from featscape.findings.duplicates.alignment import Aligner, mirror, warp
from featscape.findings.duplicates.texture import have_equal_texture
from featscape.findings.pixels.survey import COLOR_SIZE_PX, SIZE_PX
from featscape.findings.spaces import blocks
from featscape.threads import map_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Indices = NDArray[np.intp]
    Mask = NDArray[np.bool_]
    # which images are mirrored, and the scale and the shift of each image: see `Alignment`
    Moves = tuple[Mask, NDArray[np.complex64], NDArray[np.complex64]]

# A picture is plain if three neighboring gray levels cover this share of its pixels. 4 % of
# photographs of CIFAR-10 are plain.
PLAIN_SHARE = 0.25
_NEAR_LEVEL = 12  # gray levels of 255 between the background and the foreground
# Foregrounds agree if their gray levels correlate, if the contrast differs by less than this
# factor, and if the colors of nine tenths of the foreground differ by less, in levels of 255. On
# the stamps of Tux Paint, other drawings with the same outline correlate by up to .95.
_LEAST_CORRELATION, _MOST_GAIN, _MOST_COLOR = 0.955, 2.0, 14
_MOST_UNEQUAL = 0.04  # of 1 - correlation, times the doubt
# The mirror image of a foreground of one gray level is often another sign: b and d, or < and >.
# The thin lines of a sign have many levels, but no color. The letters of a font differ from exact
# mirror images along an edge: b and d in the stamps of Tux Paint by 19 of 255 levels in the mean of
# a line of 9 pixels. Mirrored copies differ by up to 12 levels, or by 32 after compression, but by
# at most 16 in the mean of a line. Both limits are shares of the range of the gray levels.
_FLAT_SHARE = 0.4
_MOST_OF_RANGE = 1 / 8
_LINE_PX, _MOST_OF_LINE = 9, 1 / 14
_LEAST_COLOR = 4  # levels of 255
_LEAST_LEVEL = 64  # gray levels of a background whose tint is known
_GRAY = 128  # the level of Cb and Cr without color
_SATURATED = 245  # a channel of this level may have been limited to 255
# Red, green and blue to Cb and Cr, and the part of Cb and Cr in red, green and blue (ITU-T T.871)
_TO_CHROMA = np.array([[-0.1687, 0.5], [-0.3313, -0.4187], [0.5, -0.0813]], dtype=np.float32)
_FROM_CHROMA = np.array([[0, -0.3441, 1.772], [1.402, -0.7141, 0]], dtype=np.float32)
_ROWS = 96  # pairs in one step


class ForegroundMatch(NamedTuple):
    """How well the foregrounds of m pairs of pictures agree after alignment.

    Attributes
    ----------
    is_plain : ndarray of bool, shape (m,)
        Whether one of the pictures has a plain background.
    correlation : ndarray of float32, shape (m,)
        Of the gray levels of the pixels that are foreground in one of the pictures.
    gain : ndarray of float32, shape (m,)
        The contrast of the second picture to its background, divided by that of the first.
    color : ndarray of float32, shape (m,)
        The difference of the colors of the foregrounds that a tenth of the foreground exceeds, in
        levels of 255.
    is_mirrored : ndarray of bool, shape (m,)
        Whether the pictures are mirror images.
    is_other_sign : ndarray of bool, shape (m,)
        Whether the pictures are mirror images, and gray or with a foreground of one gray level, and
        a pixel differs from that of the exact mirror image.
    has_equal_texture : ndarray of bool, shape (m,)
        Whether the texture of the foregrounds is equal, see `texture`, and one factor per channel
        explains the colors, or one picture has no color. False for pairs that agree without the
        texture, for which the texture is not compared.
    """

    is_plain: Mask
    correlation: Floats
    gain: Floats
    color: Floats
    is_mirrored: Mask
    is_other_sign: Mask
    has_equal_texture: Mask

    def agrees(self) -> Mask:
        """Return whether the foregrounds agree, (m,); True without a plain background."""
        is_same = self._has_equal_levels() | self.has_equal_texture
        is_same &= (self.gain >= 1 / _MOST_GAIN) & (self.gain <= _MOST_GAIN)
        is_sure = self._has_equal_levels() & self.has_equal_texture
        return (is_same & (is_sure | ~self.is_other_sign)) | ~self.is_plain

    def _has_equal_levels(self) -> Mask:
        return (self.correlation >= _LEAST_CORRELATION) & (self.color <= _MOST_COLOR)

    def is_equal(self, doubt: Floats) -> Mask:
        """Return whether the foregrounds on a plain background are nearly equal, (m,).

        Parameters
        ----------
        doubt : ndarray of float32, shape (m,)
            `NearPairs.doubt`: the correlation must be higher for doubtful pairs.
        """
        is_high = (1 - self.correlation) * doubt <= _MOST_UNEQUAL
        return self.is_plain & self.agrees() & self._has_equal_levels() & is_high


def compare_foregrounds(
    grays: NDArray[np.uint8], colors: NDArray[np.uint8], pairs: Indices, *, n_threads: int = 1
) -> ForegroundMatch:
    """Compare the foregrounds of pairs of pictures.

    Parameters
    ----------
    grays : ndarray of uint8, shape (n, 48, 48)
    colors : ndarray of uint8, shape (n, 12, 12, 2)
        `Survey.colors`.
    pairs : ndarray of intp, shape (m, 2)
    n_threads : int
    """
    if not len(pairs):
        no, empty = np.zeros(0, dtype=bool), np.zeros(0, dtype=np.float32)
        return ForegroundMatch(no, empty, empty, empty, no, no, no)
    images, rows = np.unique(pairs, return_inverse=True)
    rows = rows.reshape(pairs.shape)
    grays, colors = grays[images], colors[images]
    aligned = Aligner(grays).align(rows, is_fine=True, n_threads=n_threads)
    take = partial(_take, grays, colors, *_backgrounds(grays))

    def compare(block: slice) -> ForegroundMatch:
        own, other = rows[block].T
        moves = aligned.mirrored[block], aligned.scale[block], aligned.shift[block]
        return _compare(
            take(own),
            take(other, moves=moves),
            is_mirrored=moves[0],
            is_exact=_are_mirror_images(grays[own], grays[other]),
        )

    parts = map_parts(compare, blocks(len(pairs), rows_at_once=_ROWS), n_threads=n_threads)
    return ForegroundMatch(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))


class _Pictures(NamedTuple):
    """The first or the second pictures of b pairs, after alignment."""

    gray: Floats  # (b, 2304)
    contrast: Floats  # (b, 2304), gray levels less that of the background
    is_drawn: Mask  # (b, 2304), differs from a plain background
    is_inside: Mask  # (b, 2304)
    chroma: Floats  # (b, 144, 2), 0 without color
    is_colored: Mask  # (b,)
    is_plain: Mask  # (b,)


def _take(
    grays: NDArray[np.uint8],
    colors: NDArray[np.uint8],
    levels: Floats,
    is_plain: Mask,
    items: Indices,
    *,
    moves: Moves | None = None,
) -> _Pictures:
    """Return pictures; `levels` are the gray levels of their backgrounds."""
    gray = grays[items].reshape(len(items), SIZE_PX**2).astype(np.float32)
    chroma = colors[items].reshape(len(items), COLOR_SIZE_PX**2, 2).astype(np.float32) - _GRAY
    is_colored = np.abs(chroma).max(axis=(1, 2)) >= _LEAST_COLOR
    is_inside = np.ones(gray.shape, dtype=bool)
    if moves is not None:
        gray, is_inside = _move(gray, *moves)
        chroma = np.stack([_move(chroma[:, :, axis], *moves)[0] for axis in range(2)], axis=2)
    contrast = gray - levels[items, None]
    is_drawn = (np.abs(contrast) > _NEAR_LEVEL) | ~is_plain[items, None]
    return _Pictures(gray, contrast, is_drawn, is_inside, chroma, is_colored, is_plain[items])


def _are_mirror_images(first: NDArray[np.uint8], second: NDArray[np.uint8]) -> Mask:
    """Return whether each pair of gray squares, (b, 48, 48), shows exact mirror images, (b,).

    Compression changes single pixels, and another sign differs along an edge: the mean of a line of
    pixels is compared too.
    """
    from scipy.ndimage import uniform_filter1d

    difference = first.astype(np.float32) - second[:, :, ::-1]
    levels = np.ptp(first, axis=(1, 2))
    exact: Mask = np.abs(difference).max(axis=(1, 2)) <= _MOST_OF_RANGE * levels
    for axis in (1, 2):
        line = np.abs(uniform_filter1d(difference, _LINE_PX, axis=axis)).max(axis=(1, 2))
        exact &= line <= _MOST_OF_LINE * levels
    return exact


def _compare(
    first: _Pictures, second: _Pictures, *, is_mirrored: Mask, is_exact: Mask
) -> ForegroundMatch:
    """Compare aligned pictures.

    Parameters
    ----------
    first, second : _Pictures
    is_mirrored : ndarray of bool, shape (b,)
        Whether the second picture was mirrored.
    is_exact : ndarray of bool, shape (b,)
        Whether the pictures are exact mirror images before the alignment.
    """
    used = (first.is_drawn | second.is_drawn) & second.is_inside
    correlation, gain = _correlate(first.contrast, second.contrast, used.astype(np.float32))
    may_be_sign = _are_flat(first.contrast, used) | ~first.is_colored
    is_other_sign = is_mirrored & ~is_exact & may_be_sign
    is_drawn = _reduce(used) > 0.5
    # a change of contrast or brightness changes the colors by the same factor
    factor = np.clip(gain, 1 / _MOST_GAIN, _MOST_GAIN)[:, None, None]
    change = second.chroma - factor * first.chroma
    color = _compare_colors(change, is_drawn, _reduce(first.gray))
    is_plain = first.is_plain | second.is_plain
    no = np.zeros(len(gain), dtype=bool)
    match = ForegroundMatch(is_plain, correlation, gain, color, is_mirrored, is_other_sign, no)
    has_equal_colors = _compare_channels(first, second, is_drawn) <= _MOST_COLOR
    has_equal_colors |= ~(first.is_colored & second.is_colored)
    unsure = ~match.agrees() & has_equal_colors
    has_equal_texture = no.copy()
    has_equal_texture[unsure] = have_equal_texture(
        first.contrast[unsure],
        second.contrast[unsure],
        in_both=(first.is_drawn & second.is_drawn & second.is_inside)[unsure],
        in_one=used[unsure],
    )
    return match._replace(has_equal_texture=has_equal_texture)


def _move(
    images: Floats, mirrored: Mask, scale: NDArray[np.complex64], shift: NDArray[np.complex64]
) -> tuple[Floats, Mask]:
    """Return second images, (b, p), aligned to the first, and which pixels are inside."""
    return warp(mirror(images, mirrored), scale, shift)


def _backgrounds(grays: NDArray[np.uint8]) -> tuple[Floats, Mask]:
    """Return the most frequent gray level of each image, and whether it covers much of it."""
    levels = np.empty(len(grays), dtype=np.float32)
    plain = np.empty(len(grays), dtype=bool)
    for item, gray in enumerate(grays):
        counts = np.bincount(gray.ravel(), minlength=256)
        three = np.convolve(counts, np.ones(3, dtype=int), mode="same")
        levels[item] = three.argmax()
        plain[item] = three.max() >= PLAIN_SHARE * gray.size
    return levels, plain


def _correlate(first: Floats, second: Floats, used: Floats) -> tuple[Floats, Floats]:
    """Return the correlation of contrasts over the used pixels, and the gain, (b,) and (b,)."""
    count = np.maximum(used.sum(axis=1, keepdims=True), 1)
    own, other = first * used, second * used
    product = np.einsum("bp,bp->b", own, other)
    gain = product / np.maximum(np.einsum("bp,bp->b", own, own), 1e-6)
    own -= own.sum(axis=1, keepdims=True) / count * used
    other -= other.sum(axis=1, keepdims=True) / count * used
    norm = np.sqrt(np.einsum("bp,bp->b", own, own) * np.einsum("bp,bp->b", other, other))
    return np.einsum("bp,bp->b", own, other) / np.maximum(norm, 1e-6), gain


def _are_flat(images: Floats, used: Mask) -> Mask:
    """Return whether a few neighboring gray levels cover much of the used pixels, (b,)."""
    count = used.sum(axis=1)
    ordered = np.sort(np.where(used, images, np.inf), axis=1)
    middle = np.take_along_axis(ordered, (count // 2)[:, None], axis=1)
    is_near = used & (np.abs(images - middle) <= _NEAR_LEVEL)
    flat: Mask = is_near.sum(axis=1) >= _FLAT_SHARE * count
    return flat


def _reduce(squares: NDArray[Any]) -> Floats:
    """Return the means of the pixels, (b, 2304), of each square of the colors, (b, 144)."""
    side = SIZE_PX // COLOR_SIZE_PX
    squares = squares.reshape(len(squares), COLOR_SIZE_PX, side, COLOR_SIZE_PX, side)
    means: Floats = squares.mean(axis=(2, 4), dtype=np.float32).reshape(len(squares), -1)
    return means


def _compare_colors(difference: Floats, is_drawn: Mask, gray: Floats) -> Floats:
    """Return the difference of colors that a tenth of the foreground exceeds, (b,).

    A tint of the whole picture changes the colors in proportion to the gray level. The smaller of
    the difference and the difference without the tint of the background counts.

    Parameters
    ----------
    difference : ndarray of float32, shape (b, 144, 2)
    is_drawn : ndarray of bool, shape (b, 144)
        The foreground.
    gray : ndarray of float32, shape (b, 144)
        The gray levels of the first picture.
    """
    rest = ~is_drawn
    n_rest = np.maximum(rest.sum(axis=1), 1)
    of_back = np.einsum("bpc,bp->bc", difference, rest) / n_rest[:, None]
    level = np.maximum(np.einsum("bp,bp->b", gray, rest) / n_rest, _LEAST_LEVEL)
    tint = (gray / level[:, None])[:, :, None] * of_back[:, None]
    length = np.minimum(
        np.linalg.norm(difference, axis=2), np.linalg.norm(difference - tint, axis=2)
    )
    return _exceeded_by_a_tenth(length, is_drawn)


def _compare_channels(first: _Pictures, second: _Pictures, is_drawn: Mask) -> Floats:
    """Return the difference of colors that one factor per channel does not explain, (b,).

    A tint or more light multiplies the levels of a channel, up to 255. A tenth of the foreground,
    or a tenth of the background, exceeds the difference: the factors between two colors of the same
    drawing would change the background too.

    Parameters
    ----------
    first, second : _Pictures
    is_drawn : ndarray of bool, shape (b, 144)
        The foreground.
    """
    is_inside = _reduce(second.is_inside) == 1
    own, other = (
        _reduce(pictures.gray)[:, :, None] + pictures.chroma @ _FROM_CHROMA
        for pictures in (first, second)
    )
    fitted = own * ((np.maximum(own, other) < _SATURATED) & is_inside[:, :, None])
    product, square = (np.einsum("bpc,bpc->bc", fitted, levels) for levels in (other, own))
    factor = product / np.maximum(square, 1)
    rest = (np.minimum(own * factor[:, None], 255) - other) @ _TO_CHROMA
    length = np.linalg.norm(rest, axis=2)
    of_drawn, of_back = (
        _exceeded_by_a_tenth(length, part & is_inside) for part in (is_drawn, ~is_drawn)
    )
    return np.maximum(of_drawn, of_back)


def _exceeded_by_a_tenth(values: Floats, used: Mask) -> Floats:
    """Return the value, 0 or more, that a tenth of the used values exceeds, (b,)."""
    n_exceeding = (0.1 * used.sum(axis=1)).astype(np.intp)
    ordered = np.sort(np.where(used, values, 0), axis=1)[:, ::-1]
    exceeded: Floats = np.take_along_axis(ordered, n_exceeding[:, None], axis=1)[:, 0]
    return exceeded
