// Attraction along the graph's edges, repulsion by the plain sum, the update, and the perplexity
// search. The formulae stand in src/featscape/tsne/exact.py.
#pragma once

#include <cmath>

#include "kernels.hpp"
#include "simd.hpp"

namespace {

using featscape::Extent;
using featscape::Graph;
using featscape::Step;

template <int D>
FS_INLINE void load_points(const float* Y, const std::uint32_t* index, f8 (&to)[D]) {
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

// A_i = sum_j p_ij (y_i - y_j) / (1 + |y_i - y_j|^2)
template <int D>
inline void attract(const Graph& graph, const float* Y, float* A, std::int64_t begin,
                    std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
        f8 total[D] = {};
        for (std::int64_t e = graph.row[i]; e < graph.row[i + 1]; e += 8) {
            f8 difference[D];
            load_points<D>(Y, graph.column + e, difference);
            f8 squared = broadcast(1.0F);
            for (int d = 0; d < D; ++d) {
                difference[d] = Y[D * i + d] - difference[d];
                squared += difference[d] * difference[d];
            }
            const f8 weight = load(graph.p + e) / squared;
            for (int d = 0; d < D; ++d) total[d] += weight * difference[d];
        }
        for (int d = 0; d < D; ++d) A[D * i + d] = sum(total[d]);
    }
}

// F_i = sum_j w_ij^2 (y_i - y_j), and the sum over these i of sum_{j != i} w_ij, w = 1/(1 + |.|^2).
// The n points come by coordinate, padded to a multiple of 8 with points far away.
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

// Gradient descent with momentum and gains (Jacobs 1988), as exact.ExactGradient has it.
template <int D>
inline Extent update(float* __restrict Y, float* __restrict velocity, float* __restrict gains,
                     const float* __restrict A, const float* __restrict F, double z,
                     const Step& step, const float* shift, std::int64_t begin, std::int64_t end) {
    const float per_z = static_cast<float>(1.0 / z);
    for (std::int64_t k = D * begin; k < D * end; ++k) {
        const float gradient = 4.0F * (step.exaggeration * A[k] - F[k] * per_z);
        const bool onward = (gradient > 0.0F) != (velocity[k] > 0.0F);
        float gain = onward ? gains[k] + 0.2F : gains[k] * 0.8F;
        gain = gain > 0.01F ? gain : 0.01F;
        gains[k] = gain;
        velocity[k] = step.momentum * velocity[k] - step.learning_rate * gain * gradient;
        Y[k] += velocity[k];
    }
    Extent extent;
    for (int d = 0; d < D; ++d) {
        float low = Y[D * begin + d] - shift[d], high = low;
        double total = 0;
        for (std::int64_t i = begin; i < end; ++i) {
            const float y = Y[D * i + d] - shift[d];
            Y[D * i + d] = y;
            low = y < low ? y : low;
            high = y > high ? y : high;
            total += static_cast<double>(y);
        }
        extent.low[d] = low;
        extent.high[d] = high;
        extent.total[d] = total;
    }
    return extent;
}

FS_INLINE double bounded_step(double s) {
    return s < -2.0 ? -2.0 : s > 2.0 ? 2.0 : s;
}

// p_j|i of one row: its precision beta is found by Newton's method on log beta, within a bracket,
// from dH / d log beta = -beta^2 Var(D). Both arrays are padded to a multiple of 8; an entry beyond
// the row or of a missing neighbour has an infinite distance. `squared` holds distances minus their
// least.
inline void conditional(const float* squared, int padded, double scale, float perplexity,
                        float* p) {
    const double target = std::log(static_cast<double>(perplexity));
    double low = 0, high = 0, beta = scale;
    for (int round = 0; round < 64; ++round) {
        const float b = static_cast<float>(beta < 1e-30 ? 1e-30 : beta < 1e30 ? beta : 1e30);
        f8 total{}, first{}, second{};
        for (int j = 0; j < padded; j += 8) {
            // Distances in units of 1 / beta, so that their squares stay within range.
            const f8 distance = load(squared + j) * b;
            const f8 bounded = distance < 100.0F ? distance : broadcast(100.0F);
            const f8 weight = exp_negative(-bounded);
            total += weight;
            first += weight * bounded;
            second += weight * bounded * bounded;
            store(p + j, weight);
        }
        const double s = static_cast<double>(sum(total)),
                     mean = static_cast<double>(sum(first)) / s;
        const double variance = static_cast<double>(sum(second)) / s - mean * mean;
        const double excess = std::log(s) + mean - target;
        const float per_total = static_cast<float>(1.0 / s);
        if (__builtin_fabs(excess) < 1e-5 || round == 63) {
            for (int j = 0; j < padded; j += 8) store(p + j, load(p + j) * per_total);
            return;
        }
        (excess > 0 ? low : high) = beta;
        double next = variance > 0 ? beta * std::exp(bounded_step(excess / variance))
                                   : beta * (excess > 0 ? 8.0 : 0.125);
        if ((low > 0 && next <= low) || (high > 0 && next >= high)) next = std::sqrt(low * high);
        beta = next;
    }
}

} // namespace
