"""Triton kernels of the neighbor search: the nearest center, and the k nearest candidates.

Imported only on a GPU or in Triton's interpreter.
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls
# ruff: noqa: ANN001, ANN201, ANN202, PLR0917 - arguments are pointers and numbers, which
# Triton types and takes by position

from __future__ import annotations

import triton
import triton.language as tl

# The bits of float32 values that are not negative, read as int32, have the order of the values. So
# bisection on 31 bits finds the k-th smallest value exactly.
INFINITY_BITS = tl.constexpr(0x7F800000)
BEYOND_INFINITY = tl.constexpr(0x7F800001)


@triton.jit(do_not_specialize=["n_points", "n_centers"])
def nearest_center_kernel(
    points,  # float32 (n_points, DIM)
    centers,  # float32 (n_centers, DIM)
    center_norms,  # float32 (n_centers,), squared
    nearest,  # int32 (n_points,), written
    n_points,
    n_centers,
    DIM: tl.constexpr,
    STEP: tl.constexpr,
    BLOCK: tl.constexpr,
    CENTERS: tl.constexpr,
):
    """Write the index of the nearest center of each point; a product takes STEP columns."""
    rows = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    live = rows < n_points
    axis = tl.arange(0, STEP)
    row_start = points + rows.to(tl.int64)[:, None] * DIM + axis[None, :]
    if DIM == STEP:
        x = tl.load(row_start, live[:, None], 0.0)
    best = tl.full([BLOCK], float("inf"), tl.float32)
    found = tl.zeros([BLOCK], tl.int32)
    for first in range(0, n_centers, CENTERS):
        columns = first + tl.arange(0, CENTERS)
        there = columns < n_centers
        start = centers + columns[None, :] * DIM + axis[:, None]
        norms = tl.load(center_norms + columns, there, float("inf"))
        if DIM == STEP:
            product = tl.dot(x, tl.load(start, there[None, :], 0.0), input_precision="tf32")
        else:
            product = tl.zeros([BLOCK, CENTERS], tl.float32)
            for d in range(0, DIM, STEP):
                x = tl.load(row_start + d, live[:, None], 0.0)
                c = tl.load(start + d, there[None, :], 0.0)
                product = tl.dot(x, c, product, input_precision="tf32")
        distance = norms[None, :] - 2 * product
        least = tl.min(distance, 1)
        where = tl.argmin(distance, 1) + first
        found = tl.where(least < best, where, found)
        best = tl.minimum(best, least)
    tl.store(nearest + rows, found, live)


@triton.jit
def _keep_nearest(
    count, work_bits, work_index, counts, bounds, k, ROWS: tl.constexpr, CAPACITY: tl.constexpr,
    PART: tl.constexpr,
):  # fmt: skip
    """Keep each row's k nearest of `count` candidates in the work buffers.

    Returns the new counts and the bits of the largest distances, int32 (ROWS,). `counts` and
    `bounds` move these values between the threads.
    """
    row_slots = tl.arange(0, ROWS)
    tl.store(counts + row_slots, count)
    tl.debug_barrier()
    slots = tl.arange(0, CAPACITY)
    for first in range(0, ROWS, PART):
        rows = first + tl.arange(0, PART)
        at = rows[:, None] * CAPACITY + slots[None, :]
        filled = slots[None, :] < tl.load(counts + rows)[:, None]
        bits = tl.load(work_bits + at, filled, BEYOND_INFINITY)
        index = tl.load(work_index + at, filled, 0)
        low = tl.zeros([PART], tl.int32)
        high = tl.full([PART], INFINITY_BITS, tl.int32)
        for _ in range(31):
            middle = low + (high - low) // 2
            enough = tl.sum((bits <= middle[:, None]).to(tl.int32), 1) >= k
            high = tl.where(enough, middle, high)
            low = tl.where(enough, low, middle + 1)
        nearer = bits < high[:, None]
        # among candidates with the k-th smallest distance, keep the first ones
        tied = (bits == high[:, None]) & filled
        places_left = k - tl.sum(nearer.to(tl.int32), 1)
        keep = nearer | (tied & (tl.cumsum(tied.to(tl.int32), 1) <= places_left[:, None]))
        place = tl.cumsum(keep.to(tl.int32), 1) - 1
        tl.debug_barrier()  # all loads above before the stores to the same memory
        to = rows[:, None] * CAPACITY + place
        tl.store(work_bits + to, bits, keep)
        tl.store(work_index + to, index, keep)
        tl.store(counts + rows, tl.sum(keep.to(tl.int32), 1))
        tl.store(bounds + rows, high)
    tl.debug_barrier()
    return tl.load(counts + row_slots), tl.load(bounds + row_slots)


@triton.jit
def _write_sorted(
    work_bits, work_index, distances, indices, first_row, last_row, k, ROWS: tl.constexpr,
    CAPACITY: tl.constexpr, K_PADDED: tl.constexpr, PART: tl.constexpr,
):  # fmt: skip
    """Write each row's k nearest, nearest first."""
    slots = tl.arange(0, K_PADDED)
    for first in range(0, ROWS, PART):
        rows = first + tl.arange(0, PART)
        wanted = (slots[None, :] < k) & (first_row + rows < last_row)[:, None]
        at = rows[:, None] * CAPACITY + slots[None, :]
        bits = tl.load(work_bits + at, wanted, BEYOND_INFINITY)
        index = tl.load(work_index + at, wanted, 0)
        keys = tl.sort((bits.to(tl.int64) << 32) | index.to(tl.int64), dim=1)
        to = (first_row + rows).to(tl.int64)[:, None] * k + slots[None, :]
        tl.store(distances + to, (keys >> 32).to(tl.int32).to(tl.float32, bitcast=True), wanted)
        tl.store(indices + to, (keys & 0x7FFFFFFF).to(tl.int32), wanted)


@triton.jit
def _wide_distances(
    row_start, column_start, origin, live, there, DIM: tl.constexpr, STEP: tl.constexpr,
    ROWS: tl.constexpr, CANDIDATES: tl.constexpr, PRECISION: tl.constexpr,
):  # fmt: skip
    """Return the squared distances, (ROWS, CANDIDATES), of points with more columns than STEP."""
    row_norms = tl.zeros([ROWS], tl.float32)
    column_norms = tl.zeros([CANDIDATES], tl.float32)
    product = tl.zeros([ROWS, CANDIDATES], tl.float32)
    for d in range(0, DIM, STEP):
        shift = tl.load(origin + d)
        x = tl.load(row_start + d, live[:, None], 0.0) - shift[None, :]
        y = tl.load(column_start + d, there[None, :], 0.0) - shift[:, None]
        row_norms += tl.sum(x * x, 1)
        column_norms += tl.sum(y * y, 0)
        product = tl.dot(x, y, product, input_precision=PRECISION)
    return row_norms[:, None] + column_norms[None, :] - 2 * product


@triton.jit
def _append_nearer(
    distance, rows, columns, there, bound, count, work_bits, work_index, ROWS: tl.constexpr,
    CANDIDATES: tl.constexpr, CAPACITY: tl.constexpr,
):  # fmt: skip
    """Append the candidates below each row's bound to the work buffers; return the new counts."""
    bits = tl.where(distance > 0, distance, 0.0).to(tl.int32, bitcast=True)
    keep = (bits < bound[:, None]) & there[None, :] & (rows[:, None] != columns[None, :])
    place = count[:, None] + tl.cumsum(keep.to(tl.int32), 1) - 1
    to = tl.arange(0, ROWS)[:, None] * CAPACITY + place
    tl.store(work_bits + to, bits, keep)
    tl.store(work_index + to, columns[None, :].broadcast_to(ROWS, CANDIDATES), keep)
    return count + tl.sum(keep.to(tl.int32), 1)


@triton.jit(do_not_specialize=["n_tiles", "k", "n_ranges"])
def nearest_kernel(
    points,  # float32 (n, DIM), sorted by list
    centers,  # float32 (n_lists, DIM)
    tiles,  # int32 (n_tiles, 3): first row, last row (exclusive), list
    ranges,  # int32 (n_lists, n_ranges, 2): first and last candidate (exclusive) of each list
    work_bits,  # int32 (n_programs, ROWS, CAPACITY)
    work_index,  # int32 (n_programs, ROWS, CAPACITY)
    counts,  # int32 (n_programs, ROWS)
    bounds,  # int32 (n_programs, ROWS)
    distances,  # float32 (n, k), squared, written
    indices,  # int32 (n, k), written
    n_tiles,
    n_ranges,
    k,
    DIM: tl.constexpr,
    STEP: tl.constexpr,
    ROWS: tl.constexpr,
    CANDIDATES: tl.constexpr,
    CAPACITY: tl.constexpr,
    K_PADDED: tl.constexpr,
    PRECISION: tl.constexpr,
):
    """Find the k nearest candidates of every point, without storing the matrix of distances.

    |x - y|^2 is computed as |x|^2 + |y|^2 - 2 xy. This formula loses all digits if two points are
    close to one another and far from the origin, so the origin is the center of the tile's list.

    A program processes tiles of ROWS points of one list. The program appends each candidate that is
    nearer than the row's bound to the row's work buffer. When a buffer could overflow, all rows
    keep only their k nearest candidates, which lowers the bounds.

    The two inner loops are not a function of their own: `x`, `shift` and `row_norms` exist only if
    DIM == STEP, and the arguments of a Triton function must exist in both cases.
    """
    PART: tl.constexpr = 4096 // CAPACITY
    program = tl.program_id(0)
    axis = tl.arange(0, STEP)
    work_bits += program.to(tl.int64) * ROWS * CAPACITY
    work_index += program.to(tl.int64) * ROWS * CAPACITY
    counts += program * ROWS
    bounds += program * ROWS
    for tile in range(program, n_tiles, tl.num_programs(0)):
        first_row = tl.load(tiles + 3 * tile)
        last_row = tl.load(tiles + 3 * tile + 1)
        of_list = tl.load(tiles + 3 * tile + 2)
        rows = first_row + tl.arange(0, ROWS)
        live = rows < last_row
        origin = centers + of_list.to(tl.int64) * DIM + axis
        row_start = points + rows.to(tl.int64)[:, None] * DIM + axis[None, :]
        if DIM == STEP:
            shift = tl.load(origin)
            x = tl.load(row_start, live[:, None], 0.0) - shift[None, :]
            row_norms = tl.sum(x * x, 1)
        count = tl.zeros([ROWS], tl.int32)
        bound = tl.where(live, INFINITY_BITS, 0)
        for r in range(n_ranges):
            first = tl.load(ranges + 2 * (of_list * n_ranges + r))
            last = tl.load(ranges + 2 * (of_list * n_ranges + r) + 1)
            for c in range(first, last, CANDIDATES):
                columns = c + tl.arange(0, CANDIDATES)
                there = columns < last
                start = points + columns.to(tl.int64)[None, :] * DIM + axis[:, None]
                if DIM == STEP:
                    y = tl.load(start, there[None, :], 0.0) - shift[:, None]
                    product = tl.dot(x, y, input_precision=PRECISION)
                    distance = row_norms[:, None] + tl.sum(y * y, 0)[None, :] - 2 * product
                else:
                    distance = _wide_distances(
                        row_start, start, origin, live, there, DIM, STEP, ROWS, CANDIDATES,
                        PRECISION,
                    )  # fmt: skip
                count = _append_nearer(
                    distance, rows, columns, there, bound, count, work_bits, work_index, ROWS,
                    CANDIDATES, CAPACITY,
                )  # fmt: skip
                if tl.max(count) > CAPACITY - CANDIDATES:
                    count, bound = _keep_nearest(
                        count, work_bits, work_index, counts, bounds, k, ROWS, CAPACITY, PART
                    )
                    bound = tl.where(live, bound, 0)
        _keep_nearest(count, work_bits, work_index, counts, bounds, k, ROWS, CAPACITY, PART)
        _write_sorted(
            work_bits, work_index, distances, indices, first_row, last_row, k,
            ROWS, CAPACITY, K_PADDED, 2048 // K_PADDED,
        )  # fmt: skip
        tl.debug_barrier()  # the next tile writes to the same buffers
