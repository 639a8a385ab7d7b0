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

// Writes the places of the points of the leaves whose squared distance to the query, in float
// precision, is at most `bound`, and up to 8 more numbers. Returns the number of these points.
template <int D>
inline std::int64_t find_near(const Leaves& leaves, const float* const* axes, const float* query,
                              float bound, std::int32_t* places) {
    std::int64_t count = 0;
    for (std::int64_t at = 0; at < leaves.n; at += 8) {
        f8 to_box{};
        for (int d = 0; d < D; ++d) {
            const f8 before = load(leaves.low[d] + at) - query[d];
            const f8 outside = larger(larger(before, query[d] - load(leaves.high[d] + at)), f8{});
            to_box += outside * outside;
        }
        std::uint32_t near = bits_of(at_most(to_box, bound));
        if (leaves.n - at < 8) near &= (1U << (leaves.n - at)) - 1;
        for (; near != 0; near &= near - 1) {
            const std::int32_t first =
                static_cast<std::int32_t>(kLeaf) * leaves.number[at + __builtin_ctz(near)];
            f8 low{}, high{};
            for (int d = 0; d < D; ++d) {
                const f8 a = load(axes[d] + first) - query[d];
                const f8 b = load(axes[d] + first + 8) - query[d];
                low += a * a;
                high += b * b;
            }
            count += write_places(bits_of(at_most(low, bound)), first, places + count);
            count += write_places(bits_of(at_most(high, bound)), first + 8, places + count);
        }
    }
    return count;
}

// Writes the rank of each of n keys: the number of lower keys and of equal keys before the key. n
// is a multiple of 8.
inline void rank(const float* keys, std::int64_t n, std::int32_t* ranks) {
    constexpr i8 kAfter[8] = {// the lanes after each lane
                              {0, -1, -1, -1, -1, -1, -1, -1}, {0, 0, -1, -1, -1, -1, -1, -1},
                              {0, 0, 0, -1, -1, -1, -1, -1},   {0, 0, 0, 0, -1, -1, -1, -1},
                              {0, 0, 0, 0, 0, -1, -1, -1},     {0, 0, 0, 0, 0, 0, -1, -1},
                              {0, 0, 0, 0, 0, 0, 0, -1},       {0, 0, 0, 0, 0, 0, 0, 0}};
    for (std::int64_t at = 0; at < n; at += 8) {
        const f8 own = load(keys + at);
        i8 even{}, odd{}; // a comparison is -1 where it is true
        for (std::int64_t j = 0; j < at; j += 2) {
            even -= at_least(own, keys[j]);
            odd -= at_least(own, keys[j + 1]);
        }
        for (int j = 0; j < 8; ++j) { // each key is compared with the equal keys before it
            const float key = keys[at + j];
            even -= above(own, key) | (at_least(own, key) & kAfter[j]);
        }
        for (std::int64_t j = at + 8; j < n; j += 2) {
            even -= above(own, keys[j]);
            odd -= above(own, keys[j + 1]);
        }
        const i8 total = even + odd;
        std::memcpy(ranks + at, &total, sizeof total);
    }
}

} // namespace
