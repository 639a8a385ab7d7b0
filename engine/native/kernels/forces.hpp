// Attraction over the edges of the graph, repulsion as the sum over all pairs, the update, and the
// perplexity search. The formulae are in src/meshtsne/forces/exact.py.
#pragma once

#include <cmath>
#include <type_traits>

#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace {

using meshtsne::Block;
using meshtsne::Entries;
using meshtsne::Extent;
using meshtsne::Gaussian;
using meshtsne::StepParameters;

template <int D, class Index>
FS_INLINE void load_points(const float* Y, const Index* index, f8 (&to)[D]) {
    if constexpr (D == 2) {
        const Pairs pairs = load_pairs(Y, index);
        to[0] = pairs.x;
        to[1] = pairs.y;
    } else {
        for (int d = 0; d < D; ++d) {
            const auto at = [&](int k) { return Y[D * static_cast<std::size_t>(index[k]) + d]; };
            to[d] = f8{at(0), at(1), at(2), at(3), at(4), at(5), at(6), at(7)};
        }
    }
}

FS_INLINE f8 decode(const std::uint16_t* code) {
    u16x8 packed;
    std::memcpy(&packed, code, sizeof packed);
    const i8 bits = __builtin_convertvector(packed, i8) << meshtsne::kCodeShift;
    return reinterpret_cast<f8>(bits + static_cast<std::int32_t>(meshtsne::kCodeBias));
}

constexpr int kEntriesAhead = 2048; // bytes; the hardware prefetcher stops at the end of a page

template <int D, class Index>
FS_INLINE void attract_along(const float* y, const float* others, const Entries<Index>* begin,
                             const Entries<Index>* end, f8 (&total)[D]) {
    for (const Entries<Index>* entries = begin; entries < end; ++entries) {
        __builtin_prefetch(reinterpret_cast<const char*>(entries) + kEntriesAhead);
        if constexpr (std::is_same_v<Index, std::uint32_t>) {
            for (const Index column : entries[meshtsne::kFarAhead].column) {
                __builtin_prefetch(others + D * static_cast<std::size_t>(column));
            }
        }
        f8 difference[D];
        load_points<D>(others, entries->column, difference);
        f8 squared = broadcast(1.0F);
        for (int d = 0; d < D; ++d) {
            difference[d] = y[d] - difference[d];
            squared += difference[d] * difference[d];
        }
        const f8 weight = decode(entries->p) / squared;
        for (int d = 0; d < D; ++d) total[d] += weight * difference[d];
    }
}

// A_i = sum_j p_ij (y_i - y_j) / (1 + |y_i - y_j|^2)
template <int D> inline void attract(const Block& block, const float* Y, float* A) {
    for (std::int64_t i = block.begin; i < block.end; ++i) {
        const auto row = i - block.begin;
        f8 total[D] = {};
        attract_along<D>(Y + D * i, Y + D * block.base, block.near + block.near_row[row],
                         block.near + block.near_row[row + 1], total);
        attract_along<D>(Y + D * i, Y, block.far + block.far_row[row],
                         block.far + block.far_row[row + 1], total);
        for (int d = 0; d < D; ++d) A[D * i + d] = block.unit * sum(total[d]);
    }
}

// F_i = sum_j w_ij^2 (y_i - y_j), and the sum over these i of sum_{j != i} w_ij, w = 1/(1 + |.|^2).
// The n points are stored by coordinate, padded to a multiple of 8 with distant points.
template <int D>
inline double repel(const float* const* axes, std::int64_t n, float* F, std::int64_t begin,
                    std::int64_t end) {
    double z = 0;
    for (std::int64_t i = begin; i < end; ++i) {
        f8 total[D] = {}, weights{};
        for (std::int64_t j = 0; j < n; j += 8) {
            f8 difference[D];
            f8 squared = broadcast(1.0F);
            for (int d = 0; d < D; ++d) {
                difference[d] = axes[d][i] - load(axes[d] + j);
                squared += difference[d] * difference[d];
            }
            const f8 weight = 1.0F / squared;
            weights += weight;
            for (int d = 0; d < D; ++d) total[d] += weight * weight * difference[d];
        }
        for (int d = 0; d < D; ++d) F[D * i + d] = sum(total[d]);
        z += static_cast<double>(sum(weights)) - 1.0;
    }
    return z;
}

// The sum of w exp(-split / w) over the n points, padded as in repel, and its gradient in y, from
// d/dr^2 (w exp(-split / w)) = -w (w + split) exp(-split / w).
inline float short_range(const float* const* axes, std::size_t n, const float* y, float split,
                         float* gradient) {
    f8 total[3] = {}, potential{};
    for (std::size_t j = 0; j < n; j += 8) {
        f8 difference[3];
        f8 squared = broadcast(1.0F);
        for (int d = 0; d < 3; ++d) {
            difference[d] = y[d] - load(axes[d] + j);
            squared += difference[d] * difference[d];
        }
        const f8 weight = 1.0F / squared;
        const f8 damped = weight * exp_negative(-split * squared);
        potential += damped;
        const f8 slope = damped * (weight + split);
        for (int d = 0; d < 3; ++d) total[d] += slope * difference[d];
    }
    for (int d = 0; d < 3; ++d) gradient[d] -= 2.0F * sum(total[d]);
    return sum(potential);
}

FS_INLINE f8 select(i8 where, f8 a, f8 b) {
    return reinterpret_cast<f8>((reinterpret_cast<i8>(a) & where) |
                                (reinterpret_cast<i8>(b) & ~where));
}

// Gradient descent with momentum and gains (Jacobs 1988), as in exact.ExactGradient. begin is a
// multiple of 8 points, and the arrays are readable and writable up to the next multiple of 8.
template <int D>
inline Extent update(float* Y, float* velocity, float* gains, const float* A, const float* F,
                     const float* damping, double z, const StepParameters& step, const float* shift,
                     std::int64_t begin, std::int64_t end) {
    const float per_z = static_cast<float>(1.0 / z);
    f8 low[D], high[D], total[D] = {}, moved[D];
    for (int v = 0; v < D; ++v) {
        low[v] = broadcast(INFINITY);
        high[v] = broadcast(-INFINITY);
        for (int lane = 0; lane < 8; ++lane) moved[v][lane] = shift[(8 * v + lane) % D];
    }
    const i8 lanes = {0, 1, 2, 3, 4, 5, 6, 7};
    const auto count = static_cast<std::int32_t>(D * (end - begin)); // the rest is padding
    // Eight points are D vectors; a lane always contains the same coordinate.
    for (std::int64_t k = D * begin; k < D * end; k += 8 * D) {
        for (int v = 0; v < D; ++v) {
            const std::int64_t at = k + 8 * v;
            f8 gradient = 4.0F * (step.exaggeration * load(A + at) - load(F + at) * per_z);
            if (damping != nullptr) gradient *= load(damping + at);
            f8 u = load(velocity + at), gain = load(gains + at);
            gain = select((gradient > 0.0F) ^ (u > 0.0F), gain + 0.2F, gain * 0.8F);
            gain = select(gain > 0.01F, gain, broadcast(0.01F));
            u = step.momentum * u - step.learning_rate * gain * gradient;
            u = select(u < meshtsne::kLargestStep, u, broadcast(meshtsne::kLargestStep));
            u = select(u > -meshtsne::kLargestStep, u, broadcast(-meshtsne::kLargestStep));
            const f8 y = load(Y + at) + u - moved[v];
            store(gains + at, gain);
            store(velocity + at, u);
            store(Y + at, y);
            const i8 real = lanes + static_cast<std::int32_t>(at - D * begin) < count;
            low[v] = select(real & (y < low[v]), y, low[v]);
            high[v] = select(real & (y > high[v]), y, high[v]);
            total[v] += select(real, y, f8{});
        }
    }
    Extent extent;
    for (int d = 0; d < D; ++d) {
        extent.low[d] = INFINITY;
        extent.high[d] = -INFINITY;
        extent.total[d] = 0;
    }
    for (int lane = 0; lane < 8 * D; ++lane) {
        const int d = lane % D, v = lane / 8, l = lane % 8;
        extent.low[d] = low[v][l] < extent.low[d] ? low[v][l] : extent.low[d];
        extent.high[d] = high[v][l] > extent.high[d] ? high[v][l] : extent.high[d];
        extent.total[d] += static_cast<double>(total[v][l]);
    }
    return extent;
}

FS_INLINE double bounded_step(double s) {
    return s < -2.0 ? -2.0 : s > 2.0 ? 2.0 : s;
}

// The weights of the Gaussian, 1 at the nearest neighbor; distances in units of 1 / precision, so
// that their squares do not overflow.
FS_INLINE f8 bounded_distance(const float* squared, float precision) {
    const f8 distance = load(squared) * precision;
    return distance < 100.0F ? distance : broadcast(100.0F);
}

// Finds the precision of one row by Newton's method on its logarithm, within a bracket, from
// dH / d log precision = -precision^2 Var(D). The array is padded to a multiple of 8; an entry
// beyond the row or of a missing neighbor has an infinite distance. `squared` contains the squared
// distances minus the smallest.
inline Gaussian find_precision(const float* squared, int padded, double scale, float perplexity) {
    const double target = std::log(static_cast<double>(perplexity));
    double low = 0, high = 0, beta = scale;
    for (int round = 0;; ++round) {
        const float b = static_cast<float>(beta < 1e-30 ? 1e-30 : beta < 1e30 ? beta : 1e30);
        f8 total{}, first{}, second{};
        for (int j = 0; j < padded; j += 8) {
            const f8 distance = bounded_distance(squared + j, b);
            const f8 weight = exp_negative(-distance);
            total += weight;
            first += weight * distance;
            second += weight * distance * distance;
        }
        const double s = static_cast<double>(sum(total)),
                     mean = static_cast<double>(sum(first)) / s;
        const double variance = static_cast<double>(sum(second)) / s - mean * mean;
        const double excess = std::log(s) + mean - target;
        if (__builtin_fabs(excess) < 1e-5 || round == 63) return {b, static_cast<float>(1.0 / s)};
        (excess > 0 ? low : high) = beta;
        double next = variance > 0 ? beta * std::exp(bounded_step(excess / variance))
                                   : beta * (excess > 0 ? 8.0 : 0.125);
        if ((low > 0 && next <= low) || (high > 0 && next >= high)) next = std::sqrt(low * high);
        beta = next;
    }
}

// Adds p_j|i of one row, padded as above.
inline void add_gaussian(const float* squared, int padded, const Gaussian& gaussian, float* p) {
    for (int j = 0; j < padded; j += 8) {
        const f8 weight = exp_negative(-bounded_distance(squared + j, gaussian.precision));
        store(p + j, load(p + j) + weight * gaussian.per_total);
    }
}

} // namespace
