"""Triton kernels of the affinities: perplexity, joint probabilities, compressed rows.

Imported only on a GPU or in Triton's interpreter.
"""
# mypy: allow-untyped-defs, allow-incomplete-defs, allow-untyped-decorators, allow-untyped-calls
# ruff: noqa: ANN001, ANN201, PLR0917 - arguments are pointers and numbers, which
# Triton types and takes by position

from __future__ import annotations

import triton
import triton.language as tl


@triton.jit(do_not_specialize=["n", "k"])
def conditional_kernel(
    squared_distances,  # float32 (n, k)
    probabilities,  # float32 (n, k), written; may be the memory of squared_distances
    log_perplexity,
    n,
    k,
    ROWS: tl.constexpr,
    K_PADDED: tl.constexpr,
):
    """Bisect the precision beta of each row until the entropy is log_perplexity."""
    rows = tl.program_id(0) * ROWS + tl.arange(0, ROWS)
    slots = tl.arange(0, K_PADDED)
    at = rows.to(tl.int64)[:, None] * k + slots[None, :]
    filled = (rows < n)[:, None] & (slots < k)[None, :]
    d = tl.load(squared_distances + at, filled, 3e38)
    d = tl.where(filled, d - tl.min(d, 1)[:, None], 0.0)
    # in units of the row's mean, so that beta = 1 is near the solution at any scale of the data
    mean = tl.sum(d, 1) / k
    d = d / tl.where(mean > 0, mean, 1.0)[:, None]
    beta = tl.full([ROWS], 1.0, tl.float32)
    low = tl.zeros([ROWS], tl.float32)
    high = tl.full([ROWS], float("inf"), tl.float32)
    n_steps = 0
    worst = 1.0
    while (worst > 1e-6) & (n_steps < 60):  # not reached if points coincide
        p = tl.where(filled, tl.exp(-d * beta[:, None]), 0.0)
        total = tl.maximum(tl.sum(p, 1), 1e-30)  # at least 1 for rows < n
        entropy = tl.log(total) + beta * tl.sum(d * p, 1) / total
        too_wide = entropy > log_perplexity
        low = tl.where(too_wide, beta, low)
        high = tl.where(too_wide, high, beta)
        beta = tl.where(high == float("inf"), 2 * beta, (low + high) / 2)
        worst = tl.max(tl.where(rows < n, tl.abs(entropy - log_perplexity), 0.0))
        n_steps += 1
    p = tl.where(filled, tl.exp(-d * beta[:, None]), 0.0)
    tl.store(probabilities + at, p / tl.maximum(tl.sum(p, 1), 1e-30)[:, None], filled)


@triton.jit(do_not_specialize=["k"])
def join_kernel(
    indices,  # int32 (n, k)
    probabilities,  # float32 (n, k): p_j|i
    joint,  # float32 (n, k), written: p_j|i + p_i|j
    one_way,  # int8 (n, k), written: 1 if i is not a neighbor of its neighbor j
    k,
    BLOCK: tl.constexpr,
    K_PADDED: tl.constexpr,
):
    """Add p_j|i and p_i|j: look up each point among the neighbors of its neighbors."""
    i = tl.program_id(0)
    slots = tl.arange(0, K_PADDED)
    row = i.to(tl.int64) * k
    for first in range(0, k, BLOCK):
        mine = first + tl.arange(0, BLOCK)
        filled = mine < k
        theirs = tl.load(indices + row + mine, filled, 0).to(tl.int64) * k
        of_theirs = tl.load(
            indices + theirs[:, None] + slots[None, :], filled[:, None] & (slots < k)[None, :], -1
        )
        place = tl.max(tl.where(of_theirs == i, slots[None, :], -1), 1)
        mutual = filled & (place >= 0)
        p = tl.load(probabilities + row + mine, filled, 0.0)
        p += tl.load(probabilities + theirs + place, mutual, 0.0)
        tl.store(joint + row + mine, p, filled)
        tl.store(one_way + row + mine, (place < 0).to(tl.int8), filled)


@triton.jit(do_not_specialize=["k"])
def fill_kernel(
    indices,  # int32 (n, k)
    joint,  # float32 (n, k)
    incoming_start,  # int64 (n + 1,)
    incoming,  # int64: positions i * k + s of the one-way edges, sorted by target
    row_start,  # int64 (n + 1,)
    out_indices,  # int32, written
    out_values,  # float32, written
    scale,
    k,
    BLOCK: tl.constexpr,
    K_PADDED: tl.constexpr,
):
    """Write a row of P: the point's neighbors, then the one-way edges that end at the point."""
    i = tl.program_id(0)
    slots = tl.arange(0, K_PADDED)
    own = slots < k
    to = tl.load(row_start + i)
    at = i.to(tl.int64) * k + slots
    tl.store(out_indices + to + slots, tl.load(indices + at, own, 0), own)
    tl.store(out_values + to + slots, tl.load(joint + at, own, 0.0) * scale, own)
    to += k
    first = tl.load(incoming_start + i)
    n_incoming = tl.load(incoming_start + i + 1) - first
    for begin in range(0, n_incoming, BLOCK):
        o = begin + tl.arange(0, BLOCK)
        more = o < n_incoming
        edge = tl.load(incoming + first + o, more, 0)
        tl.store(out_indices + to + o, (edge // k).to(tl.int32), more)
        tl.store(out_values + to + o, tl.load(joint + edge, more, 0.0) * scale, more)


@triton.jit(do_not_specialize=["p_bits"])
def pack_kernel(
    row_start,  # int64 (n + 1,), of P
    indices,  # int32, of P
    values,  # float32, of P
    order,  # int64 (n,): the old number of each new row
    number,  # int32 (n,): the new number of each old row
    new_start,  # int64 (n + 1,)
    packed,  # int32, written: the neighbor's new number above the quantized log2 p
    low,  # the smallest log2 p with a code of its own
    steps_per_unit,
    top,  # the largest code
    p_bits,
    BLOCK: tl.constexpr,
):
    """Renumber one row of P and pack each of its entries into 32 bits."""
    row = tl.program_id(0)
    old = tl.load(order + row)
    first = tl.load(row_start + old)
    length = tl.load(row_start + old + 1) - first
    to = tl.load(new_start + row)
    for begin in range(0, length, BLOCK):
        o = begin + tl.arange(0, BLOCK)
        there = o < length
        j = tl.load(number + tl.load(indices + first + o, there, 0), there, 0)
        p = tl.load(values + first + o, there, 1.0)
        code = tl.floor((tl.log2(tl.maximum(p, 1e-37)) - low) * steps_per_unit + 0.5)
        code = tl.minimum(tl.maximum(code, 0.0), top).to(tl.int32)
        tl.store(packed + to + o, (j << p_bits) | code, there)
