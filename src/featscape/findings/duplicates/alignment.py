"""Compare pairs of small gray images after alignment.

The second image of a pair is moved onto the first by a similarity transform (scale, rotation and
shift), with a gain and an offset of the gray levels, by the inverse compositional Lucas-Kanade
algorithm (Baker and Matthews, "Lucas-Kanade 20 years on", 2004). The transform starts from the best
of ten fixed transforms at 12 px, and is refined at 12 and 24 px, and at 48 px on request. The score
is the normalized cross-correlation at 48 px in the common area.

A similarity transform is a pair of complex numbers: ``z -> scale * z + shift``. ``z = x + iy`` is a
position in the image, which covers -1 to 1 on both axes.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, NamedTuple, cast

import numpy as np

from featscape.findings.pixels.survey import SIZE_PX
from featscape.threads import map_parts

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from featscape.findings.duplicates.subset import Grays

    Floats = NDArray[np.float32]
    Complexes = NDArray[np.complex64]

_SIDES_PX = (12, 24, SIZE_PX)
# Most Lucas-Kanade steps at each side. Steps at 48 px double the time, and separate the copies of
# tiny images from images that look alike.
_STEPS, _FINE_STEPS = (4, 3, 0), (5, 4, 3)
_ZOOMS = (1.0, 1.15, 0.87, 1.35, 0.74)  # of the fixed transforms, each also mirrored
_N_STARTS = 2  # fixed transforms that are refined
_LEAST_OVERLAP = 0.45  # share of the pixels; the correlation of fewer pixels is high by chance
# Pairs below this correlation at 24 px are not compared at 48 px. Few duplicates are below.
_LEAST_COARSE = 0.5
# A pair stops at a side if a step reduces 1 - correlation by less than this share.
_LEAST_GAIN = 0.02
_OUTLIER = 2.0  # residuals above this multiple of their root mean square are dropped
_LEAST_VARIANCE = 1e-5  # of gray levels in units of 64: flat images have no correlation
_BATCH = 96  # pairs; the arrays of a batch stay in the processor's cache
_MOST_KEPT = 8192  # images: their blurred copies take 100 MB, and are computed once


class Alignment(NamedTuple):
    """The alignment of m pairs of images.

    Attributes
    ----------
    correlation : ndarray of float32, shape (m,)
        Normalized cross-correlation in the common area, without the pixels that differ most; -1 for
        flat images.
    plain : ndarray of float32, shape (m,)
        The same with all pixels of the common area.
    mirrored : ndarray of bool, shape (m,)
        Whether the second image was mirrored.
    scale, shift : ndarray of complex64, shape (m,)
        The position z in the first image shows what the second, perhaps mirrored image shows at
        ``scale * z + shift``.
    """

    correlation: Floats
    plain: Floats
    mirrored: NDArray[np.bool_]
    scale: Complexes
    shift: Complexes


class Aligner:
    """Align pairs of images.

    Parameters
    ----------
    grays : ndarray or Subset of uint8, shape (n, 48, 48)
        The images as gray squares.
    """

    def __init__(self, grays: Grays) -> None:
        self._grays = grays
        self._levels = _pyramid(grays[:]) if len(grays) <= _MOST_KEPT else None
        identity = np.eye(12 * 12, dtype=np.float32)
        zoomed, inside = [], []
        for zoom in _ZOOMS:
            scale = np.full(len(identity), zoom, dtype=np.complex64)
            warped, covered = warp(identity, scale, 0 * scale)
            zoomed.append(warped)
            inside.append(covered[0])
        self._zoom = np.concatenate(zoomed, axis=1)  # (144, 5 * 144): image at 12 px -> 5 zooms
        self._zoom_covers = np.stack(inside).astype(np.float32)  # (5, 144)

    def align(
        self, pairs: NDArray[np.intp], *, is_fine: bool = False, n_threads: int = 1
    ) -> Alignment:
        """Align m pairs of images.

        Parameters
        ----------
        pairs : ndarray of intp, shape (m, 2)
            The indices of the images.
        is_fine : bool
            Whether to refine the transforms at 48 px too, in twice the time.
        n_threads : int
        """
        n_steps = _FINE_STEPS if is_fine else _STEPS
        batches = [pairs[start : start + _BATCH] for start in range(0, len(pairs), _BATCH)]
        if not batches:
            empty = np.zeros(0, dtype=np.complex64)
            return Alignment(empty.real, empty.real, np.zeros(0, dtype=bool), empty, empty)
        parts = map_parts(
            lambda batch: self._align_batch(batch, n_steps), batches, n_threads=n_threads
        )
        return Alignment(*(np.concatenate(columns) for columns in zip(*parts, strict=True)))

    def _align_batch(self, pairs: NDArray[np.intp], n_steps: tuple[int, ...]) -> Alignment:
        first, second = (self._pyramid_of(items) for items in pairs.T)
        n_pairs = len(pairs)
        starts = self._find_starts(first[12], second[12])  # (b, 2)
        mirrored = (starts >= len(_ZOOMS)).ravel()
        scale = np.array(_ZOOMS, dtype=np.complex64)[starts.ravel() % len(_ZOOMS)]
        correlation, plain, scale, shift = self._refine(
            np.repeat(first[12], _N_STARTS, axis=0),
            mirror(np.repeat(second[12], _N_STARTS, axis=0), mirrored),
            scale,
            np.zeros_like(scale),
            n_steps=n_steps[0],
        )
        best = correlation.reshape(n_pairs, _N_STARTS).argmax(axis=1)
        best += np.arange(n_pairs) * _N_STARTS
        mirrored, scale, shift = mirrored[best], scale[best], shift[best]
        pending = np.arange(n_pairs)
        correlation, plain = correlation[best], plain[best]
        for side, n_of_side in zip(_SIDES_PX[1:], n_steps[1:], strict=True):
            refined = self._refine(
                first[side][pending],
                mirror(second[side][pending], mirrored[pending]),
                scale[pending],
                shift[pending],
                n_steps=n_of_side,
            )
            for kept, new in zip((correlation, plain, scale, shift), refined, strict=True):
                kept[pending] = new
            pending = np.flatnonzero(correlation > _LEAST_COARSE)
            if not len(pending):
                break
        return Alignment(correlation, plain, mirrored, scale, shift)

    def _pyramid_of(self, items: NDArray[np.intp]) -> dict[int, Floats]:
        if self._levels is None:
            return _pyramid(self._grays[items])
        return {side: level[items] for side, level in self._levels.items()}

    def _find_starts(self, first: Floats, second: Floats) -> NDArray[np.intp]:
        """Return the best fixed transforms of each pair: number of the zoom, + 5 if mirrored."""
        covers = self._zoom_covers
        n_pixels = covers.sum(axis=1)
        mean = first @ covers.T / n_pixels  # (b, 5)
        variance = (first * first) @ covers.T / n_pixels - mean**2
        correlations = []
        for image in (second, mirror(second, np.ones(len(second), dtype=bool))):
            zoomed = (image @ self._zoom).reshape(len(second), len(_ZOOMS), -1) * covers
            zoomed_mean = zoomed.sum(axis=2) / n_pixels
            zoomed_variance = np.einsum("bzp,bzp->bz", zoomed, zoomed) / n_pixels - zoomed_mean**2
            product = np.einsum("bzp,bp->bz", zoomed, first) / n_pixels
            norm = np.sqrt(np.maximum(variance * zoomed_variance, 1e-9))
            correlations.append((product - mean * zoomed_mean) / norm)
        ranked = np.argsort(-np.concatenate(correlations, axis=1), axis=1, kind="stable")
        starts: NDArray[np.intp] = ranked[:, :_N_STARTS]
        return starts

    def _refine(
        self, first: Floats, second: Floats, scale: Complexes, shift: Complexes, *, n_steps: int
    ) -> tuple[Floats, Floats, Complexes, Complexes]:
        """Take Lucas-Kanade steps; return the best correlation, plain too, with its transform."""
        n_pairs, n_pixels = first.shape
        coordinates = _coordinates(int(np.sqrt(n_pixels)))
        slopes = _slopes(first, coordinates) if n_steps else np.empty(0, dtype=np.float32)
        scale, shift = scale.copy(), shift.copy()
        best = np.full((2, n_pairs), -1, dtype=np.float32)  # without outliers, and plain
        best_scale, best_shift = scale.copy(), shift.copy()
        moving = np.arange(n_pairs)
        for step in range(n_steps + 1):
            own = slice(None) if len(moving) == n_pairs else moving  # a slice copies nothing
            warped, inside = warp(second[own], scale[own], shift[own])
            used, plain = _drop_outliers(first[own], warped, inside)
            correlation = _correlate(first[own], warped, used)
            gained = (correlation - best[0, own]) / (1 - best[0, own] + 1e-6)
            better = moving[gained > 0]
            best[:, better] = np.stack([correlation, plain])[:, gained > 0]
            best_scale[better], best_shift[better] = scale[better], shift[better]
            goes_on = (correlation > -1) & (gained > _LEAST_GAIN)
            moving = moving[goes_on]
            if step == n_steps or not len(moving):
                break
            by_transform = slopes[moving] if not goes_on.all() else slopes[own]  # (b, 6, p)
            weighted = (by_transform * used[goes_on][:, None]).astype(np.float32, copy=False)
            matrix = weighted @ by_transform.transpose(0, 2, 1)  # (b, 6, 6)
            right = (weighted @ warped[goes_on][:, :, None])[:, :, 0]  # (b, 6)
            scale[moving], shift[moving], goes_on = _step(
                matrix, right, scale[moving], shift[moving]
            )
            moving = moving[goes_on]
            if not len(moving):
                break
        return best[0], best[1], best_scale, best_shift


def _pyramid(grays: NDArray[np.uint8]) -> dict[int, Floats]:
    """Return the blurred images at each side, (b, side * side), with a mean of 0."""
    images = grays.astype(np.float32) / 64  # a standard deviation of 1 is usual
    levels = {}
    for side in _SIDES_PX:
        reduce = _blur_matrix(side)
        level = (reduce @ images @ reduce.T).reshape(len(grays), side * side)
        levels[side] = level - level.mean(axis=1, keepdims=True)
    return levels


@cache
def _blur_matrix(side: int) -> Floats:
    """Return the matrix, (side, 48), that blurs and averages a row of 48 pixels."""
    from scipy.ndimage import gaussian_filter1d

    sigma_px = 0.7 if side == SIZE_PX else 1.2
    blurred = gaussian_filter1d(np.eye(SIZE_PX, dtype=np.float32), sigma_px, axis=0)
    matrix: Floats = blurred.reshape(side, SIZE_PX // side, SIZE_PX).mean(axis=1)
    return matrix


@cache
def _coordinates(side: int) -> Floats:
    """Return x, y and 1 for each pixel, (3, side * side)."""
    centers = (np.arange(side, dtype=np.float32) - (side - 1) / 2) / (side / 2)
    x = np.tile(centers, side)
    return np.stack([x, np.repeat(centers, side), np.ones_like(x)])


def mirror(images: Floats, which: NDArray[np.bool_]) -> Floats:
    """Return the images, (b, side * side), with those of a mask mirrored."""
    side = int(np.sqrt(images.shape[1]))
    mirrored = images.copy()
    mirrored[which] = images[which].reshape(-1, side, side)[:, :, ::-1].reshape(-1, side * side)
    return mirrored


def warp(images: Floats, scale: Complexes, shift: Complexes) -> tuple[Floats, NDArray[np.bool_]]:
    """Return the images at the transformed positions, by bilinear interpolation.

    Also returns which of the positions are inside the images. Both arrays have shape (b, p).

    Parameters
    ----------
    images : ndarray of float32, shape (b, p)
        Squares of p pixels.
    scale, shift : ndarray of complex64, shape (b,)
        See `Alignment`.
    """
    n_images, n_pixels = images.shape
    side = int(np.sqrt(n_pixels))
    coordinates = _coordinates(side)
    rows = np.empty((2, n_images, 3), dtype=np.float32)  # transforms to columns and to rows
    rows[0] = np.stack([scale.real, -scale.imag, shift.real], axis=1)
    rows[1] = np.stack([scale.imag, scale.real, shift.imag], axis=1)
    rows *= side / 2
    rows[:, :, 2] += (side - 1) / 2
    u, v = (rows.reshape(-1, 3) @ coordinates).reshape(2, n_images, n_pixels)
    inside = (u >= -0.01) & (u <= side - 0.99) & (v >= -0.01) & (v <= side - 0.99)
    for axis in (u, v):
        np.clip(axis, 0, side - 1.001, out=axis)
    left, at = u.astype(np.intp), v.astype(np.intp)
    u -= left
    v -= at
    at *= side
    at += left
    at += (np.arange(n_images) * n_pixels)[:, None]
    flat = images.ravel()
    # no index is clipped: the mode is faster than the default mode, which checks each index
    upper, lower = flat.take(at, mode="clip"), flat[side:].take(at, mode="clip")
    upper += u * (flat[1:].take(at, mode="clip") - upper)
    lower += u * (flat[side + 1 :].take(at, mode="clip") - lower)
    lower -= upper
    lower *= v
    upper += lower
    return upper, inside


def _slopes(images: Floats, coordinates: Floats) -> Floats:
    """Return the derivatives by scale, rotation, x, y, gain and offset, (b, 6, p)."""
    n_images, n_pixels = images.shape
    side = int(np.sqrt(n_pixels))
    squares = images.reshape(n_images, side, side)
    by_y, by_x = cast("tuple[Floats, Floats]", np.gradient(squares, 2 / side, axis=(1, 2)))
    by_x, by_y = by_x.reshape(n_images, -1), by_y.reshape(n_images, -1)
    x, y, one = coordinates
    slopes = np.empty((n_images, 6, n_pixels), dtype=np.float32)
    slopes[:, 0] = by_x * x + by_y * y
    slopes[:, 1] = by_y * x - by_x * y
    slopes[:, 2], slopes[:, 3], slopes[:, 4], slopes[:, 5] = by_x, by_y, images, one
    return slopes


def _drop_outliers(
    first: Floats, warped: Floats, inside: NDArray[np.bool_]
) -> tuple[Floats, Floats]:
    """Return the weights of the pixels, (b, p), and the correlation before any pixel is dropped.

    The weights are 0 outside, and 0 for the largest residuals: text or a logo on one of the images
    would otherwise dominate the correlation.
    """
    weights = inside.astype(np.float32)
    count = np.maximum(weights.sum(axis=1), 1)
    mean, warped_mean = (np.einsum("bp,bp->b", image, weights) / count for image in (first, warped))
    centered = first - mean[:, None]
    residual = warped - warped_mean[:, None]
    weighted = centered * weights
    variance = np.einsum("bp,bp->b", weighted, centered)
    covariance = np.einsum("bp,bp->b", weighted, residual)
    warped_variance = np.einsum("bp,bp->b", residual * weights, residual)
    plain = covariance / np.sqrt(np.maximum(variance * warped_variance, 1e-9))
    gain = covariance / np.maximum(variance, 1e-9)
    residual -= gain[:, None] * centered
    residual *= residual
    mean_square = np.einsum("bp,bp->b", residual, weights) / count
    weights *= residual <= _OUTLIER**2 * mean_square[:, None]
    return weights, plain


def _correlate(first: Floats, warped: Floats, used: Floats) -> Floats:
    """Return the correlation of the used pixels; -1 for flat images and for few pixels."""
    count = np.maximum(used.sum(axis=1), 1)
    kept, warped_kept = first * used, warped * used
    mean, warped_mean = kept.sum(axis=1) / count, warped_kept.sum(axis=1) / count
    variance = np.einsum("bp,bp->b", kept, first) / count - mean**2
    warped_variance = np.einsum("bp,bp->b", warped_kept, warped) / count - warped_mean**2
    covariance = np.einsum("bp,bp->b", kept, warped) / count - mean * warped_mean
    is_valid = (
        (count >= _LEAST_OVERLAP * first.shape[1])
        & (variance > _LEAST_VARIANCE)
        & (warped_variance > _LEAST_VARIANCE)
    )
    norm = np.sqrt(np.maximum(variance * warped_variance, 1e-12))
    correlation: Floats = np.where(is_valid, covariance / norm, -1).astype(np.float32)
    return correlation


def _step(
    matrix: Floats, right: Floats, scale: Complexes, shift: Complexes
) -> tuple[Complexes, Complexes, NDArray[np.bool_]]:
    """Return the transforms after one Lucas-Kanade step, and which of the pairs go on."""
    damped = matrix.copy()
    corner = np.arange(4)
    damped[:, corner, corner] += 1e-3 * matrix[:, corner, corner].mean(axis=1)[:, None] + 1e-6
    damped[:, 4, 4] += 1e-3
    damped[:, 5, 5] += 1e-6
    solution = np.linalg.solve(damped, right[:, :, None])[:, :, 0]
    gain = solution[:, 4]
    delta = solution[:, :4] / np.maximum(gain, 0.05)[:, None]
    length = np.abs(delta).max(axis=1)
    delta *= np.minimum(1, 0.15 / np.maximum(length, 1e-9))[:, None]
    stretch = 1 + delta[:, 0] + 1j * delta[:, 1]
    new_scale = (scale / stretch).astype(np.complex64)
    new_shift = (shift - new_scale * (delta[:, 2] + 1j * delta[:, 3])).astype(np.complex64)
    size = np.abs(new_scale)
    is_valid = (gain > 0.05) & (size > 0.5) & (size < 1.6) & (np.abs(np.angle(new_scale)) < 0.5)
    new_scale = np.where(is_valid, new_scale, scale)
    new_shift = np.where(is_valid, new_shift, shift)
    return new_scale, new_shift, is_valid & (length > 2e-3)
