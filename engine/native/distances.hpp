// Squared distances between four queries and sixteen candidates at a time, for the neighbour
// search.
#pragma once

#include "kernels.hpp"
#include "simd.hpp"

namespace {

using meshtsne::kTileCandidates;
using meshtsne::kTileQueries;

// |q - c|^2 for each query and candidate; `block` holds the candidates coordinate by coordinate,
// [dimension][16]. Plain differences: |c|^2 - 2 q.c takes half the operations, but loses everything
// between points that are near to one another and far from the origin. A query's numbers do not
// depend on the others.
inline void tile_distances(const float* const* queries, const float* block, int dimensions,
                           float* out) {
    f8 low[kTileQueries] = {}, high[kTileQueries] = {};
    for (int d = 0; d < dimensions; ++d) {
        const f8 a = load(block + kTileCandidates * d), b = load(block + kTileCandidates * d + 8);
        for (int q = 0; q < kTileQueries; ++q) {
            const f8 from_a = a - queries[q][d], from_b = b - queries[q][d];
            low[q] += from_a * from_a;
            high[q] += from_b * from_b;
        }
    }
    for (int q = 0; q < kTileQueries; ++q) {
        store(out + kTileCandidates * q, low[q]);
        store(out + kTileCandidates * q + 8, high[q]);
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

} // namespace
