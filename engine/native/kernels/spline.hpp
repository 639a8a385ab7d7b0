// Cardinal B-splines between the points and the grid, as in smooth particle-mesh Ewald
// (Essmann et al. 1995, J. Chem. Phys. 103, 8577).
#pragma once

#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace {

using meshtsne::Grid;

// The order is the number of nodes per axis that a point touches; reasons in docs/design.md.
constexpr int kOrder = MESHTSNE_SPLINE_ORDER;

// Lane m contains the weight of node m as a polynomial of t in [0, 1), the position between nodes.
struct SplineCoefficients {
    float weight[kOrder][8] = {};        // coefficient of t^k, lane m
    float slope[kOrder - 1 + 1][8] = {}; // of its derivative

    constexpr SplineCoefficients() {
        // M_p(x) = 1/(p-1)! sum_j (-1)^j binomial(p, j) max(x - j, 0)^(p-1), at x = t + p - 1 - m.
        double factorial = 1;
        for (int i = 2; i < kOrder; ++i) factorial *= i;
        for (int m = 0; m < kOrder; ++m) {
            const int i = kOrder - 1 - m;
            double coefficient[kOrder] = {};
            double sign_binomial = 1;
            for (int j = 0; j <= i; ++j) {
                double power = 1; // binomial(p-1, k) (i-j)^(p-1-k), from k = p-1 downwards
                for (int k = kOrder - 1; k >= 0; --k) {
                    coefficient[k] += sign_binomial * power / factorial;
                    power *= static_cast<double>(i - j) * k / (kOrder - k);
                }
                sign_binomial *= -static_cast<double>(kOrder - j) / (j + 1);
            }
            for (int k = 0; k < kOrder; ++k) {
                weight[k][m] = static_cast<float>(coefficient[k]);
                if (k > 0) slope[k - 1][m] = static_cast<float>(k * coefficient[k]);
            }
        }
    }
};

constexpr SplineCoefficients kSpline;

FS_INLINE f8 spline_weights(float t) {
    const f8 x = broadcast(t);
    f8 w = load(kSpline.weight[kOrder - 1]);
    for (int k = kOrder - 2; k >= 0; --k) w = w * x + load(kSpline.weight[k]);
    return w;
}

FS_INLINE f8 spline_slopes(float t) {
    const f8 x = broadcast(t);
    f8 w = load(kSpline.slope[kOrder - 2]);
    for (int k = kOrder - 3; k >= 0; --k) w = w * x + load(kSpline.slope[k]);
    return w;
}

// The first node that a point at u (in grid units) touches, and its distance t to the node below.
// Points outside the grid are moved to the border, and NaN to the first node, so that all indices
// are valid.
FS_INLINE int first_node(float u, int n, float& t) {
    const int least = kOrder / 2 - 1, most = n - kOrder / 2 - 1;
    u = u > least ? u : static_cast<float>(least);
    u = u < most + 1 ? u : static_cast<float>(most + 1);
    const int whole = static_cast<int>(u), below = whole < most ? whole : most;
    t = u - static_cast<float>(below);
    return below - (kOrder / 2 - 1);
}

template <int D>
inline void spread(const Grid& grid, const float* points, std::int64_t n_points, float* density) {
    for (std::int64_t i = 0; i < n_points; ++i) {
        float weight[D][8];
        float* at = density;
        f8 last{};
        for (int d = 0; d < D; ++d) {
            float t;
            at += first_node(points[D * i + d], grid.n[d], t) * grid.stride[d];
            last = spline_weights(t);
            store(weight[d], last);
        }
        const auto add = [&](float* row, float w) { store(row, load(row) + last * w); };
        if constexpr (D == 1) {
            add(at, 1.0F);
        } else if constexpr (D == 2) {
            for (int a = 0; a < kOrder; ++a) add(at + a * grid.stride[0], weight[0][a]);
        } else {
            for (int a = 0; a < kOrder; ++a) {
                for (int b = 0; b < kOrder; ++b) {
                    add(at + a * grid.stride[0] + b * grid.stride[1], weight[0][a] * weight[1][b]);
                }
            }
        }
    }
}

// Phi and its derivatives in grid units at one point.
template <int D>
FS_INLINE float gather_one(const Grid& grid, const float* potential, const float* y,
                           float (&gradient)[D]) {
    float weight[D][8], slope[D][8];
    const float* at = potential;
    f8 last{}, last_slope{};
    for (int d = 0; d < D; ++d) {
        float t;
        at += first_node((y[d] - grid.origin[d]) * grid.per_unit, grid.n[d], t) * grid.stride[d];
        last = spline_weights(t);
        last_slope = spline_slopes(t);
        store(weight[d], last);
        store(slope[d], last_slope);
    }
    f8 value{}, along0{}, along1{};
    if constexpr (D == 1) {
        value = load(at);
    } else if constexpr (D == 2) {
        for (int a = 0; a < kOrder; ++a) {
            const f8 row = load(at + a * grid.stride[0]);
            value += row * weight[0][a];
            along0 += row * slope[0][a];
        }
    } else {
        for (int a = 0; a < kOrder; ++a) {
            for (int b = 0; b < kOrder; ++b) {
                const f8 row = load(at + a * grid.stride[0] + b * grid.stride[1]);
                value += row * (weight[0][a] * weight[1][b]);
                along0 += row * (slope[0][a] * weight[1][b]);
                along1 += row * (weight[0][a] * slope[1][b]);
            }
        }
    }
    if constexpr (D > 1) gradient[0] = sum(along0 * last);
    if constexpr (D > 2) gradient[1] = sum(along1 * last);
    gradient[D - 1] = sum(value * last_slope);
    return sum(value * last);
}

template <int D>
inline void gather(const Grid& grid, const float* potential, const float* Y, float* phi,
                   float* gradient, std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
        float g[D];
        phi[i] = gather_one<D>(grid, potential, Y + D * i, g);
        for (int d = 0; d < D; ++d) gradient[D * i + d] = g[d] * grid.per_unit;
    }
}

} // namespace
