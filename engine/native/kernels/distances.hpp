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

// Bit i is 1 if lane i is below the bound.
FS_INLINE std::uint32_t below(f8 values, float bound) {
    std::uint32_t bits = 0;
    for (int part = 0; part < 8; part += kWidth) {
        Floats lanes;
        std::memcpy(&lanes, reinterpret_cast<const float*>(&values) + part, sizeof lanes);
        bits |= bits_of(lanes < bound) << part;
    }
    return bits;
}

// The distance of each query to each candidate; Euclidean distances are squared. Returns a number
// whose bit 16 q + i is 1 if the distance of query q to candidate i is below the query's bound.
// `block` holds the candidates by coordinate: [dimension][16]. The kernel sums plain differences:
// |c|^2 - 2 q.c needs half the operations, but cancels all digits between points that are close to
// one another and far from the origin. The result of a query does not depend on the other queries.
template <Metric metric>
inline std::uint64_t tile_distances(const float* const* queries, const float* block, int dimensions,
                                    const float* bounds, float* out) {
    f8 low[kTileQueries] = {}, high[kTileQueries] = {};
    for (int d = 0; d < dimensions; ++d) {
        const f8 a = load(block + kTileCandidates * d), b = load(block + kTileCandidates * d + 8);
        for (int q = 0; q < kTileQueries; ++q) {
            low[q] = add_difference<metric>(low[q], a - queries[q][d]);
            high[q] = add_difference<metric>(high[q], b - queries[q][d]);
        }
    }
    std::uint64_t bits = 0;
    for (int q = 0; q < kTileQueries; ++q) {
        store(out + kTileCandidates * q, low[q]);
        store(out + kTileCandidates * q + 8, high[q]);
        const std::uint64_t own = below(low[q], bounds[q]) | below(high[q], bounds[q]) << 8;
        bits |= own << (kTileCandidates * q);
    }
    return bits;
}

} // namespace
