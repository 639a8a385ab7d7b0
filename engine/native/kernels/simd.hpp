// Eight floats at a time, in the compiler's vector types: the same source compiles to SSE2, AVX2 or
// NEON code. Everything is in an unnamed namespace, because kernels.cpp is compiled once for each
// instruction set, and the objects must not share functions.
#pragma once

#include <cstdint>
#include <cstring>
#ifdef __SSE2__
#include <immintrin.h>
#endif

namespace {

using f8 = float __attribute__((vector_size(32)));
using i8 = std::int32_t __attribute__((vector_size(32)));
using u16x8 = std::uint16_t __attribute__((vector_size(16)));
using d4 = double __attribute__((vector_size(32)));

#define FS_INLINE inline __attribute__((always_inline))

FS_INLINE f8 load(const float* p) {
    f8 v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

FS_INLINE void store(float* p, f8 v) {
    std::memcpy(p, &v, sizeof v);
}

FS_INLINE f8 broadcast(float s) {
    return f8{s, s, s, s, s, s, s, s};
}

// The order of this sum is fixed, in every instruction set.
FS_INLINE float sum(f8 v) {
    const f8 a = v + __builtin_shufflevector(v, v, 4, 5, 6, 7, 0, 1, 2, 3);
    const f8 b = a + __builtin_shufflevector(a, a, 2, 3, 0, 1, 6, 7, 4, 5);
    return b[0] + b[1];
}

// Vectors of the width of the registers: GCC 12 keeps wider vectors in memory, and compares their
// lanes one after the other.
#ifdef __AVX2__
using Floats = f8;
using Ints = i8;
#else
using Floats = float __attribute__((vector_size(16)));
using Ints = std::int32_t __attribute__((vector_size(16)));
#endif
constexpr int kWidth = sizeof(Floats) / sizeof(float);

FS_INLINE Floats load_floats(const float* p) {
    Floats v;
    std::memcpy(&v, p, sizeof v);
    return v;
}

// Bit i is 1 if lane i of the result of a comparison is true.
FS_INLINE std::uint32_t bits_of(Ints is_true) {
#if defined(__AVX2__)
    return static_cast<unsigned>(_mm256_movemask_ps(reinterpret_cast<__m256>(is_true)));
#elif defined(__SSE2__)
    return static_cast<unsigned>(_mm_movemask_ps(reinterpret_cast<__m128>(is_true)));
#else
    Ints bits = is_true & Ints{1, 2, 4, 8};
    bits |= __builtin_shufflevector(bits, bits, 2, 3, 0, 1);
    return static_cast<std::uint32_t>(bits[0] | bits[1]);
#endif
}

// The two coordinates of eight points of an array of pairs.
struct Pairs {
    f8 x, y;
};

template <class Index> FS_INLINE Pairs load_pairs(const float* positions, const Index* index) {
    const auto pair = [&](int k) {
        double v;
        std::memcpy(&v, positions + 2 * static_cast<std::size_t>(index[k]), sizeof v);
        return v;
    };
    // Points 0 1 4 5 and 2 3 6 7, so that the shuffle within half registers restores the order.
    const f8 a = reinterpret_cast<f8>(d4{pair(0), pair(1), pair(4), pair(5)});
    const f8 b = reinterpret_cast<f8>(d4{pair(2), pair(3), pair(6), pair(7)});
    return {__builtin_shufflevector(a, b, 0, 2, 8, 10, 4, 6, 12, 14),
            __builtin_shufflevector(a, b, 1, 3, 9, 11, 5, 7, 13, 15)};
}

// e^x for x <= 0, to 2 units in the last place; 0 below -87.
// Range reduction by powers of two, then the polynomial of Cephes' expf (Moshier).
FS_INLINE f8 exp_negative(f8 x) {
    const f8 low = broadcast(-87.0F);
    const i8 alive = x > low;
    x = reinterpret_cast<f8>((reinterpret_cast<i8>(x) & alive) |
                             (reinterpret_cast<i8>(low) & ~alive));
    const f8 shift = broadcast(12582912.0F); // 1.5 * 2^23 rounds to the nearest whole number
    const f8 n = (x * 1.44269504F + shift) - shift;
    const f8 r = (x - n * 0.693359375F) + n * 2.12194440e-4F;
    f8 p = r * 1.9875691500e-4F + 1.3981999507e-3F;
    p = p * r + 8.3334519073e-3F;
    p = p * r + 4.1665795894e-2F;
    p = p * r + 1.6666665459e-1F;
    p = p * r + 5.0000001201e-1F;
    p = p * r * r + r + 1.0F;
    const i8 exponent = (__builtin_convertvector(n, i8) + 127) << 23;
    return reinterpret_cast<f8>(reinterpret_cast<i8>(p * reinterpret_cast<f8>(exponent)) & alive);
}

FS_INLINE void transpose(f8 (&r)[8]) {
    f8 t[8], u[8];
    for (int i = 0; i < 8; i += 2) {
        t[i] = __builtin_shufflevector(r[i], r[i + 1], 0, 8, 2, 10, 4, 12, 6, 14);
        t[i + 1] = __builtin_shufflevector(r[i], r[i + 1], 1, 9, 3, 11, 5, 13, 7, 15);
    }
    for (int i = 0; i < 8; i += 4) {
        for (int k = 0; k < 2; ++k) {
            u[i + k] = __builtin_shufflevector(t[i + k], t[i + k + 2], 0, 1, 8, 9, 4, 5, 12, 13);
            u[i + k + 2] =
                __builtin_shufflevector(t[i + k], t[i + k + 2], 2, 3, 10, 11, 6, 7, 14, 15);
        }
    }
    for (int k = 0; k < 4; ++k) {
        r[k] = __builtin_shufflevector(u[k], u[k + 4], 0, 1, 2, 3, 8, 9, 10, 11);
        r[k + 4] = __builtin_shufflevector(u[k], u[k + 4], 4, 5, 6, 7, 12, 13, 14, 15);
    }
}

} // namespace
