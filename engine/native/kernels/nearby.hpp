// The points near a query in a plane or in space, and the order of their distances, for the search
// in a k-d tree.
#pragma once

#include <array>

#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace {

using meshtsne::kLeaf;
using meshtsne::Leaves;

// The numbers of the bits of each byte that are 1, then zeros.
using Lanes = std::array<std::uint8_t, 8>;
constexpr std::array<Lanes, 256> lanes_of_bytes() {
    std::array<Lanes, 256> lanes{};
    for (std::size_t byte = 0; byte < lanes.size(); ++byte) {
        std::size_t count = 0;
        for (std::uint8_t bit = 0; bit < 8; ++bit) {
            if (byte >> bit & 1) lanes[byte][count++] = bit;
        }
    }
    return lanes;
}
constexpr std::array<Lanes, 256> kLanes = lanes_of_bytes();

// Writes first + the numbers of the bits that are 1, and up to 8 more numbers; returns the number
// of these bits. A branch on each bit would be unpredictable.
FS_INLINE int write_places(std::uint32_t bits, std::int32_t first, std::int32_t* places) {
    using u8x8 = std::uint8_t __attribute__((vector_size(8)));
    u8x8 lanes;
    std::memcpy(&lanes, kLanes[bits].data(), sizeof lanes);
    const i8 found = __builtin_convertvector(lanes, i8) + first;
    std::memcpy(places, &found, sizeof found);
    return __builtin_popcount(bits);
}

FS_INLINE Floats larger(Floats a, Floats b) {
    return a > b ? a : b;
}

// Bit i is 1 if the squared distance of the query to point i of a leaf is at most the bound.
template <int D>
FS_INLINE std::uint32_t near_in_leaf(const float* const* axes, std::int32_t first,
                                     const float* query, float bound) {
    std::uint32_t bits = 0;
    for (int part = 0; part < kLeaf; part += kWidth) {
        Floats squared{};
        for (int d = 0; d < D; ++d) {
            const Floats difference = load_floats(axes[d] + first + part) - query[d];
            squared += difference * difference;
        }
        bits |= bits_of(squared <= bound) << part;
    }
    return bits;
}

// Writes the places of the points of the leaves whose squared distance to the query, in float
// precision, is at most `bound`, and up to 8 more numbers. Returns the number of these points.
template <int D>
inline std::int64_t find_near(const Leaves& leaves, const float* const* axes, const float* query,
                              float bound, std::int32_t* places) {
    std::int64_t count = 0;
    for (std::int64_t at = 0; at < leaves.n; at += kWidth) {
        Floats to_box{};
        for (int d = 0; d < D; ++d) {
            const Floats before = load_floats(leaves.low[d] + at) - query[d];
            const Floats after = query[d] - load_floats(leaves.high[d] + at);
            const Floats outside = larger(larger(before, after), Floats{});
            to_box += outside * outside;
        }
        std::uint32_t near = bits_of(to_box <= bound);
        if (leaves.n - at < kWidth) near &= (1U << (leaves.n - at)) - 1;
        for (; near != 0; near &= near - 1) {
            const std::int32_t first =
                static_cast<std::int32_t>(kLeaf) * leaves.number[at + __builtin_ctz(near)];
            const std::uint32_t bits = near_in_leaf<D>(axes, first, query, bound);
            count += write_places(bits & 0xFF, first, places + count);
            count += write_places(bits >> 8, first + 8, places + count);
        }
    }
    return count;
}

// Writes the rank of each of n keys: the number of lower keys and of equal keys before the key. n
// is a multiple of 8.
inline void rank(const float* keys, std::int64_t n, std::int32_t* ranks) {
    Ints lane{};
    for (int i = 0; i < kWidth; ++i) lane[i] = i;
    for (std::int64_t at = 0; at < n; at += kWidth) {
        const Floats own = load_floats(keys + at);
        Ints even{}, odd{}; // a comparison is -1 where it is true
        for (std::int64_t j = 0; j < at; j += 2) {
            even -= own >= keys[j];
            odd -= own >= keys[j + 1];
        }
        for (int j = 0; j < kWidth; ++j)
            even -= (own > keys[at + j]) | ((own == keys[at + j]) & (lane > j));
        for (std::int64_t j = at + kWidth; j < n; j += 2) {
            even -= own > keys[j];
            odd -= own > keys[j + 1];
        }
        const Ints total = even + odd;
        std::memcpy(ranks + at, &total, sizeof total);
    }
}

} // namespace
