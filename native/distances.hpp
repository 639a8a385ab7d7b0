// Squared distances between four queries and sixteen candidates at a time, for the neighbour
// search.
#pragma once

#include "kernels.hpp"
#include "simd.hpp"

namespace {

using featscape::kTileCandidates;
using featscape::kTileQueries;

// -2 q.c + |c|^2 for each query and candidate; `block` holds the candidates coordinate by
// coordinate, [dimension][16], and `norms` their squared lengths. A query's numbers do not depend
// on the others.
inline void tile_distances(const float* const* queries, const float* block, const float* norms,
                           int dimensions, float* out) {
    f8 low[kTileQueries] = {}, high[kTileQueries] = {};
    for (int d = 0; d < dimensions; ++d) {
        const f8 a = load(block + kTileCandidates * d), b = load(block + kTileCandidates * d + 8);
        for (int q = 0; q < kTileQueries; ++q) {
            low[q] += a * queries[q][d];
            high[q] += b * queries[q][d];
        }
    }
    const f8 norm_low = load(norms), norm_high = load(norms + 8);
    for (int q = 0; q < kTileQueries; ++q) {
        store(out + kTileCandidates * q, norm_low - 2.0F * low[q]);
        store(out + kTileCandidates * q + 8, norm_high - 2.0F * high[q]);
    }
}

// A bit for each of the sixteen values that is below the bound.
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

// sum (a - b)^2: free of the cancellation that the quick way has between near duplicates.
inline float squared_distance(const float* a, const float* b, int dimensions) {
    f8 total{};
    int d = 0;
    for (; d + 8 <= dimensions; d += 8) {
        const f8 difference = load(a + d) - load(b + d);
        total += difference * difference;
    }
    float rest = 0;
    for (; d < dimensions; ++d) rest += (a[d] - b[d]) * (a[d] - b[d]);
    return sum(total) + rest;
}

} // namespace
