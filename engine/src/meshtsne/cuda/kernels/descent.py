"""Triton kernels of the descent: spread, gather, attraction and step, KL divergence.

A sum to which several programs add is an integer (fixed point). The sum of integers does not depend
on the order, so each run gives the same bits. Atomic integer additions cost as much as float ones.

Imported only on a GPU or in Triton's interpreter.
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls
# ruff: noqa: ANN001, ANN201, ANN202, PLR0917 - arguments are pointers and numbers, which
# Triton types and takes by position

from __future__ import annotations

import triton
import triton.language as tl

LARGEST_STEP = tl.constexpr(5.0)  # as in forces/exact.py
LARGEST_MASS = tl.constexpr(2.0)


@triton.jit
def _load_points(points, rows, mask):
    """Load x and y of each row in one access; `points` is the int64 view of float32 (n, 2)."""
    both = tl.load(points + rows, mask, 0)
    x = (both & 0xFFFFFFFF).to(tl.int32).to(tl.float32, bitcast=True)
    return x, (both >> 32).to(tl.int32).to(tl.float32, bitcast=True)


@triton.jit
def _store_points(points, rows, x, y, mask):
    low = x.to(tl.int32, bitcast=True).to(tl.int64) & 0xFFFFFFFF
    tl.store(points + rows, (y.to(tl.int32, bitcast=True).to(tl.int64) << 32) | low, mask)


@triton.jit
def _spline(t):
    """Return the cubic B-spline at distance t, in nodes, from its center."""
    outer = tl.maximum(2 - tl.abs(t), 0.0)
    inner = tl.maximum(1 - tl.abs(t), 0.0)
    return (outer * outer * outer - 4 * inner * inner * inner) * (1 / 6)


@triton.jit
def _spline_slope(t):
    """Return the derivative of `_spline`."""
    outer = tl.maximum(2 - tl.abs(t), 0.0)
    inner = tl.maximum(1 - tl.abs(t), 0.0)
    slope = 2 * inner * inner - 0.5 * outer * outer
    return tl.where(t < 0, -slope, slope)


@triton.jit
def _fixed(value, scale):
    return tl.floor(value * scale + 0.5).to(tl.int32)


@triton.jit(do_not_specialize=["n", "size"])
def spread_kernel(
    points,  # int64 view of float32 (n, 2)
    density,  # int32 (size, size), added to: fixed point
    origin,  # float32 (2,): position of node (0, 0)
    extent,  # int32 (4,), lowered: smallest and negated largest node to the left of a point
    per_spacing,  # nodes per unit of length
    scale,  # of the fixed point
    n,
    size,
    POINTS: tl.constexpr,
    TILE: tl.constexpr,
):
    """Spread a unit charge of each point over the 4 x 4 nodes around it.

    After the points are sorted along a curve, the points of one program are close to one another in
    dense parts of the embedding. The tensor cores then add the points on a tile: the spline weights
    along one axis, (TILE, POINTS), times the weights along the other axis, (POINTS, TILE). Then the
    program adds only the tile's nodes to the grid; 16 atomic additions per point would contend for
    the same few addresses.
    """
    rows = tl.program_id(0) * POINTS + tl.arange(0, POINTS)
    live = rows < n
    x, y = _load_points(points, rows, live)
    u = (x - tl.load(origin)) * per_spacing
    v = (y - tl.load(origin + 1)) * per_spacing
    # the bound keeps positions far outside the grid from overflowing the integers
    u = tl.minimum(tl.maximum(u, -1e6), 1e6)
    v = tl.minimum(tl.maximum(v, -1e6), 1e6)
    a = tl.floor(u).to(tl.int32)
    b = tl.floor(v).to(tl.int32)
    first_a = tl.min(tl.where(live, a, 1 << 30))
    first_b = tl.min(tl.where(live, b, 1 << 30))
    last_a = tl.max(tl.where(live, a, -(1 << 30)))
    last_b = tl.max(tl.where(live, b, -(1 << 30)))
    tl.atomic_min(extent, first_a, sem="relaxed")
    tl.atomic_min(extent + 1, first_b, sem="relaxed")
    tl.atomic_min(extent + 2, -last_a, sem="relaxed")
    tl.atomic_min(extent + 3, -last_b, sem="relaxed")
    # If a point is outside the grid, the caller restores the last state and enlarges the grid.
    # Such a point must not write.
    live = live & (a >= 1) & (b >= 1) & (a <= size - 3) & (b <= size - 3)
    inside = (first_a >= 1) & (first_b >= 1) & (last_a <= size - 3) & (last_b <= size - 3)
    if inside & (last_a - first_a <= TILE - 4) & (last_b - first_b <= TILE - 4):
        nodes = tl.arange(0, TILE)
        left = tl.where(live, u - (first_a - 1).to(tl.float32), -9.0)  # -9: reaches no node
        wa = _spline(left[None, :] - nodes.to(tl.float32)[:, None]).to(tl.float16)
        wb = _spline((v - (first_b - 1).to(tl.float32))[:, None] - nodes.to(tl.float32)[None, :])
        total = _fixed(tl.dot(wa, wb.to(tl.float16)), scale)
        row = first_a - 1 + nodes
        column = first_b - 1 + nodes
        there = (row < size)[:, None] & (column < size)[None, :] & (total != 0)
        tl.atomic_add(density + row[:, None] * size + column[None, :], total, there, sem="relaxed")
    else:
        for i in tl.static_range(-1, 3):
            wi = _spline(u - (a + i).to(tl.float32)) * scale
            for j in tl.static_range(-1, 3):
                weight = _fixed(wi, _spline(v - (b + j).to(tl.float32)))
                tl.atomic_add(density + (a + i) * size + b + j, weight, live, sem="relaxed")


@triton.jit(do_not_specialize=["size"])
def fold_kernel(
    density,  # int32 (size, size), cleared
    padded,  # float32 (2 size, 2 size), its first quarter written
    z,  # int64 (1,), cleared
    unit,  # of the fixed point
    size,
    BLOCK: tl.constexpr,
):
    """Convert the density to floats on the doubled grid; clear the density and Z."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    there = i < size * size
    value = tl.load(density + i, there, 0)
    tl.store(padded + (i // size) * (2 * size) + i % size, value.to(tl.float32) * unit, there)
    tl.store(density + i, tl.zeros([BLOCK], tl.int32), there)
    if tl.program_id(0) == 0:
        tl.store(z, tl.zeros([], tl.int64))


@triton.jit(do_not_specialize=["n_modes"])
def filter_kernel(
    spectrum,  # float32 (n_modes, 2): real and imaginary parts, multiplied in place
    response,  # float32 (n_modes,)
    n_modes,
    BLOCK: tl.constexpr,
):
    """Multiply the transform of the density by the transform of the kernel."""
    i = tl.program_id(0) * BLOCK + tl.arange(0, BLOCK)
    mode = i // 2
    there = mode < n_modes
    value = tl.load(spectrum + i, there, 0.0) * tl.load(response + mode, there, 0.0)
    tl.store(spectrum + i, value, there)


@triton.jit(do_not_specialize=["n", "size"])
def gather_kernel(
    points,  # int64 view of float32 (n, 2)
    potential,  # float32 (2 size, 2 size)
    before,  # int64 view of float32 (n, 2), written: a copy of the points
    repulsion,  # float32 (2, n), written: F
    z,  # int64 (1,), added to: fixed point
    origin,  # float32 (2,)
    per_spacing,
    z_scale,
    n,
    size,
    POINTS: tl.constexpr,
):
    """Interpolate the potential and its gradient: F = -grad / 2, Z = sum (potential - 1)."""
    rows = tl.program_id(0) * POINTS + tl.arange(0, POINTS)
    live = rows < n
    x, y = _load_points(points, rows, live)
    _store_points(before, rows, x, y, live)
    u = (x - tl.load(origin)) * per_spacing
    v = (y - tl.load(origin + 1)) * per_spacing
    u = tl.minimum(tl.maximum(u, 1.0), size - 3.0)  # see spread_kernel: the caller undoes this step
    v = tl.minimum(tl.maximum(v, 1.0), size - 3.0)
    a = tl.floor(u)
    b = tl.floor(v)
    at = potential + (a.to(tl.int32) - 1) * (2 * size) + b.to(tl.int32) - 1
    value = tl.zeros([POINTS], tl.float32)
    slope_u = tl.zeros([POINTS], tl.float32)
    slope_v = tl.zeros([POINTS], tl.float32)
    for i in tl.static_range(4):
        along = tl.zeros([POINTS], tl.float32)
        across = tl.zeros([POINTS], tl.float32)
        for j in tl.static_range(4):
            node = tl.load(at + i * (2 * size) + j, live, 0.0)
            along += _spline(v - b + (1 - j)) * node
            across += _spline_slope(v - b + (1 - j)) * node
        wi = _spline(u - a + (1 - i))
        value += wi * along
        slope_u += _spline_slope(u - a + (1 - i)) * along
        slope_v += wi * across
    tl.store(repulsion + rows, -0.5 * per_spacing * slope_u, live)
    tl.store(repulsion + n + rows, -0.5 * per_spacing * slope_v, live)
    total = tl.sum(tl.where(live, value - 1, 0.0))
    tl.atomic_add(z, (total * z_scale).to(tl.int64), sem="relaxed")


@triton.jit
def _advance_axis(
    rows, live, force, repulsion, damping, velocity, gains, exaggeration, momentum, rate
):
    """Update velocity and gain of one coordinate (Jacobs 1988); return the velocity."""
    gradient = 4 * (exaggeration * force - repulsion) * damping
    speed = tl.load(velocity + rows, live, 0.0)
    gain = tl.load(gains + rows, live, 1.0)
    onward = (gradient > 0) != (speed > 0)
    gain = tl.maximum(tl.where(onward, gain + 0.2, gain * 0.8), 0.01)
    speed = momentum * speed - rate * gain * gradient
    speed = tl.minimum(tl.maximum(speed, -LARGEST_STEP), LARGEST_STEP)
    tl.store(gains + rows, gain, live)
    tl.store(velocity + rows, speed, live)
    return speed


@triton.jit(do_not_specialize=["n", "p_bits"])
def step_kernel(
    points,  # int64 view of float32 (n, 2), written
    before,  # int64 view of float32 (n, 2): the points before the step
    velocity,  # float32 (2, n), updated
    gains,  # float32 (2, n), updated
    repulsion,  # float32 (2, n)
    z,  # int64 (1,): fixed point
    parameters,  # float32 (3,): exaggeration, momentum, learning rate
    row_start,  # int64 (n + 1,)
    packed,  # int32: see affinity.pack_kernel
    z_unit,
    low,
    per_step,
    n,
    p_bits,
    ROWS: tl.constexpr,
    BLOCK: tl.constexpr,
):
    """Sum the attraction of each point over its row of P, and take a step of gradient descent."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    live = rows < n
    first = tl.load(row_start + rows, live, 0)
    length = (tl.load(row_start + rows + 1, live, 0) - first).to(tl.int32)
    x, y = _load_points(before, rows, live)
    force_x = tl.zeros([ROWS, BLOCK], tl.float32)
    force_y = tl.zeros([ROWS, BLOCK], tl.float32)
    mass = tl.zeros([ROWS, BLOCK], tl.float32)
    p_mask = (1 << p_bits) - 1
    slots = tl.arange(0, BLOCK)
    for begin in range(0, tl.max(length), BLOCK):
        there = begin + slots[None, :] < length[:, None]
        entry = tl.load(packed + first[:, None] + begin + slots[None, :], there, 0)
        p = tl.where(there, tl.exp2(low + (entry & p_mask).to(tl.float32) * per_step), 0.0)
        j = (entry.to(tl.uint32, bitcast=True) >> p_bits).to(tl.int32)
        xj, yj = _load_points(before, j, there)
        dx = x[:, None] - xj
        dy = y[:, None] - yj
        pq = p / (1 + dx * dx + dy * dy)
        force_x += pq * dx
        force_y += pq * dy
        mass += p
    damping = LARGEST_MASS / tl.maximum(tl.sum(mass, 1) * n, LARGEST_MASS)
    per_z = 1 / (tl.load(z).to(tl.float32) * z_unit)
    exaggeration = tl.load(parameters)
    momentum = tl.load(parameters + 1)
    rate = tl.load(parameters + 2)
    repulsion_x = tl.load(repulsion + rows, live, 0.0) * per_z
    repulsion_y = tl.load(repulsion + n + rows, live, 0.0) * per_z
    x += _advance_axis(
        rows, live, tl.sum(force_x, 1), repulsion_x, damping, velocity, gains,
        exaggeration, momentum, rate,
    )  # fmt: skip
    y += _advance_axis(
        rows, live, tl.sum(force_y, 1), repulsion_y, damping, velocity + n, gains + n,
        exaggeration, momentum, rate,
    )  # fmt: skip
    _store_points(points, rows, x, y, live)


@triton.jit
def divergence_kernel(
    points,  # int64 view of float32 (n, 2), in P's order
    row_start,  # int64 (n + 1,)
    indices,  # int32
    values,  # float32
    out,  # float32 (n,), written
    BLOCK: tl.constexpr,
):
    """Sum p_ij log(p_ij (1 + |y_i - y_j|^2)) over each row of P."""
    row = tl.program_id(0)
    first = tl.load(row_start + row)
    length = tl.load(row_start + row + 1) - first
    x, y = _load_points(points, row, row >= 0)
    total = tl.zeros([BLOCK], tl.float32)
    for begin in range(0, length, BLOCK):
        o = begin + tl.arange(0, BLOCK)
        there = o < length
        xj, yj = _load_points(points, tl.load(indices + first + o, there, 0), there)
        p = tl.load(values + first + o, there, 0.0)
        dx = x - xj
        dy = y - yj
        term = tl.log(tl.maximum(p, 1e-37)) + tl.log(1 + dx * dx + dy * dy)
        total += tl.where(there, p * term, 0.0)
    tl.store(out + row, tl.sum(total))
