"""Compare the foregrounds of pairs of pictures with a plain background.

Any two drawings with similar outlines correlate, because the background is equal. The correlation
over the pixels that differ from the background in one of the two pictures, and the colors of these
pixels, distinguish a copy from another drawing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from featscape.findings.duplicates.alignment import Aligner, mirror, warp
from featscape.findings.pixels.survey import COLOR_SIZE_PX, SIZE_PX
from featscape.findings.spaces import blocks, for_each

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Floats = NDArray[np.float32]
    Indices = NDArray[np.intp]
    Mask = NDArray[np.bool_]

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
# The thin lines of a sign have many levels, but no color.
_FLAT_SHARE = 0.4
_LEAST_COLOR = 4  # levels of 255
_LEAST_LEVEL = 64  # gray levels of a background whose tint is known
_GRAY = 128  # the level of Cb and Cr without color
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
    is_other_sign : ndarray of bool, shape (m,)
        Whether the pictures are mirror images, and gray or with a foreground of one gray level.
    """

    is_plain: Mask
    correlation: Floats
    gain: Floats
    color: Floats
    is_other_sign: Mask

    def agrees(self) -> Mask:
        """Return whether the foregrounds agree, (m,); True without a plain background."""
        is_same = self.correlation >= _LEAST_CORRELATION
        is_same &= (self.gain >= 1 / _MOST_GAIN) & (self.gain <= _MOST_GAIN)
        is_same &= (self.color <= _MOST_COLOR) & ~self.is_other_sign
        return is_same | ~self.is_plain

    def is_equal(self, doubt: Floats) -> Mask:
        """Return whether the foregrounds on a plain background are nearly equal, (m,).

        Parameters
        ----------
        doubt : ndarray of float32, shape (m,)
            `NearPairs.doubt`: the correlation must be higher for doubtful pairs.
        """
        is_high = (1 - self.correlation) * doubt <= _MOST_UNEQUAL
        return self.is_plain & self.agrees() & is_high


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
    images, rows = np.unique(pairs, return_inverse=True)
    rows = rows.reshape(pairs.shape)
    grays, colors = grays[images], colors[images]
    aligned = Aligner(grays).align(rows, is_fine=True, n_threads=n_threads)
    levels, is_plain = _backgrounds(grays)
    correlation, gain, color = np.empty((3, len(pairs)), dtype=np.float32)
    is_sign = np.empty(len(pairs), dtype=bool)

    def compare(block: slice) -> None:
        moves = aligned.mirrored[block], aligned.scale[block], aligned.shift[block]
        first, other = (
            grays[items].reshape(len(items), SIZE_PX**2) - levels[items, None]
            for items in rows[block].T
        )
        second, inside = _move(other, *moves)
        is_whole = ~is_plain[rows[block]]
        used = (np.abs(first) > _NEAR_LEVEL) | is_whole[:, :1]
        used |= (np.abs(second) > _NEAR_LEVEL) | is_whole[:, 1:]
        used &= inside
        correlation[block], gain[block] = _correlate(first, second, used.astype(np.float32))
        chroma, other = (
            colors[items].reshape(len(items), COLOR_SIZE_PX**2, 2).astype(np.float32)
            for items in rows[block].T
        )
        moved = np.stack([_move(other[:, :, axis], *moves)[0] for axis in range(2)], axis=2)
        is_sign[block] = _are_flat(first, used) | (
            np.abs(chroma - _GRAY).max(axis=(1, 2)) < _LEAST_COLOR
        )
        # a change of contrast or brightness changes the colors by the same factor
        factor = np.clip(gain[block], 1 / _MOST_GAIN, _MOST_GAIN)[:, None, None]
        change = moved - _GRAY - factor * (chroma - _GRAY)
        gray = grays[rows[block, 0]].reshape(len(first), SIZE_PX**2)
        color[block] = _compare_colors(change, _reduce(used) > 0.5, _reduce(gray))

    for_each(compare, blocks(len(pairs), rows_at_once=_ROWS), n_threads=n_threads)
    either = is_plain[rows[:, 0]] | is_plain[rows[:, 1]]
    return ForegroundMatch(either, correlation, gain, color, aligned.mirrored & is_sign)


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
    length[rest] = 0
    n_exceeding = (0.1 * is_drawn.sum(axis=1)).astype(np.intp)
    ordered = np.sort(length, axis=1)[:, ::-1]
    exceeded: Floats = np.take_along_axis(ordered, n_exceeding[:, None], axis=1)[:, 0]
    return exceeded
