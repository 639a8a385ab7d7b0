// Distances between four queries and sixteen candidates at a time, for the neighbor search.
#pragma once

#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace {

using meshtsne::kTileCandidates;
using meshtsne::kTileQueries;
using meshtsne::Metric;

// Adds one coordinate's difference to eight distances.
template <Metric metric> FS_INLINE f8 add_difference(f8 distance, f8 difference) {
    if constexpr (metric == Metric::euclidean) {
        return distance + difference * difference;
    } else {
        const f8 size = reinterpret_cast<f8>(reinterpret_cast<i8>(difference) & 0x7FFFFFFF);
        if constexpr (metric == Metric::manhattan) return distance + size;
        return size > distance ? size : distance;
    }
}

// The distance of each query to each candidate; Euclidean distances are squared. `block` holds the
// candidates by coordinate: [dimension][16]. The kernel sums plain differences: |c|^2 - 2 q.c needs
// half the operations, but cancels all digits between points that are close to one another and far
// from the origin. The result of a query does not depend on the other queries.
template <Metric metric>
inline void tile_distances(const float* const* queries, const float* block, int dimensions,
                           float* out) {
    f8 low[kTileQueries] = {}, high[kTileQueries] = {};
    for (int d = 0; d < dimensions; ++d) {
        const f8 a = load(block + kTileCandidates * d), b = load(block + kTileCandidates * d + 8);
        for (int q = 0; q < kTileQueries; ++q) {
            low[q] = add_difference<metric>(low[q], a - queries[q][d]);
            high[q] = add_difference<metric>(high[q], b - queries[q][d]);
        }
    }
    for (int q = 0; q < kTileQueries; ++q) {
        store(out + kTileCandidates * q, low[q]);
        store(out + kTileCandidates * q + 8, high[q]);
    }
}

// Bit i is 1 if value i of the sixteen values is below the bound.
inline std::uint32_t below(const float* values, float bound) {
#ifdef __AVX2__
    const __m256 limit = _mm256_set1_ps(bound);
    const auto low = static_cast<unsigned>(
        _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(values), limit, _CMP_LT_OQ)));
    const auto high = static_cast<unsigned>(
        _mm256_movemask_ps(_mm256_cmp_ps(_mm256_loadu_ps(values + 8), limit, _CMP_LT_OQ)));
    return low | high << 8;
#else
    std::uint32_t bits = 0;
    for (int i = 0; i < kTileCandidates; ++i) bits |= (values[i] < bound ? 1U : 0U) << i;
    return bits;
#endif
}

} // namespace
