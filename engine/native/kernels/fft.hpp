// The convolution of a zero-padded density with an even kernel, without storing the padding.
//
// The first n values of a linear convolution are half the sum of a cyclic and a negacyclic
// convolution of length n (the Chinese remainder theorem for z^2n - 1 = (z^n - 1)(z^n + 1):
// Nussbaumer 1982, "Fast Fourier Transform and Convolution Algorithms"). The negacyclic convolution
// is cyclic after multiplication with w^x, w = exp(-i pi / n) (the weighted transform of Crandall &
// Fagin 1994, Mathematics of Computation 62:305):
//
//     y = ( IFFT(K_even FFT(x)) + w^-x IFFT(K_odd FFT(w^x x)) ) / 2
//
// So no zeros are transformed or stored. On the first axis (x) the data is real, and two real
// columns a and b are transformed as one complex column a + i b (Cooley, Lewis & Welch 1970,
// Journal of Sound and Vibration 12:315). With r(k) the reflection (n - k for the cyclic transform,
// n - 1 - k for the negacyclic), A(k) = (Z(k) + conj Z(r(k))) / 2 and B(k) = (Z(k) - conj Z(r(k)))
// / 2i, for n/2 + 1 and n/2 values of k: n + 1 "slots" in all. Slots 0 .. n/2 - 1 are cyclic k =
// slot, n/2 .. n - 1 negacyclic k = slot - n/2, and slot n is cyclic k = n/2.
//
// Every butterfly works on eight independent transforms, one per lane.
#pragma once

#include "kernels/kernels.hpp"
#include "kernels/simd.hpp"

namespace {

using meshtsne::Axis;
using meshtsne::Convolution;
using meshtsne::frequency_of_slot;

struct c8 {
    f8 re, im;
};

FS_INLINE c8 operator+(c8 a, c8 b) {
    return {a.re + b.re, a.im + b.im};
}
FS_INLINE c8 operator-(c8 a, c8 b) {
    return {a.re - b.re, a.im - b.im};
}
FS_INLINE c8 times(c8 a, float re, float im) {
    return {a.re * re - a.im * im, a.re * im + a.im * re};
}
// Multiplication by -i (forward) or by i (inverse).
template <bool Inverse> FS_INLINE c8 quarter(c8 a) {
    if constexpr (Inverse) return {-a.im, a.re};
    return {a.im, -a.re};
}

template <int Radix, bool Inverse> FS_INLINE void butterfly(c8 (&v)[Radix]) {
    if constexpr (Radix == 2) {
        const c8 a = v[0];
        v[0] = a + v[1];
        v[1] = a - v[1];
    } else if constexpr (Radix == 3) {
        constexpr float s = 0.866025404F; // sin(2 pi / 3)
        const c8 a = v[0], t = v[1] + v[2], d = v[1] - v[2];
        const c8 m = {a.re - 0.5F * t.re, a.im - 0.5F * t.im};
        const c8 r = quarter<Inverse>({d.re * s, d.im * s});
        v[0] = a + t;
        v[1] = m + r;
        v[2] = m - r;
    } else if constexpr (Radix == 4) {
        const c8 a = v[0] + v[2], b = v[0] - v[2], c = v[1] + v[3];
        const c8 d = quarter<Inverse>(v[1] - v[3]);
        v[0] = a + c;
        v[1] = b + d;
        v[2] = a - c;
        v[3] = b - d;
    } else {
        constexpr float c1 = 0.309016994F, c2 = -0.809016994F; // cos(2 pi / 5), cos(4 pi / 5)
        constexpr float s1 = 0.951056516F, s2 = 0.587785252F;  // sin(2 pi / 5), sin(4 pi / 5)
        const c8 a = v[0], p = v[1] + v[4], q = v[2] + v[3], u = v[1] - v[4], w = v[2] - v[3];
        const c8 m1 = {a.re + c1 * p.re + c2 * q.re, a.im + c1 * p.im + c2 * q.im};
        const c8 m2 = {a.re + c2 * p.re + c1 * q.re, a.im + c2 * p.im + c1 * q.im};
        const c8 r1 = quarter<Inverse>({s1 * u.re + s2 * w.re, s1 * u.im + s2 * w.im});
        const c8 r2 = quarter<Inverse>({s2 * u.re - s1 * w.re, s2 * u.im - s1 * w.im});
        v[0] = a + p + q;
        v[1] = m1 + r1;
        v[2] = m2 + r2;
        v[3] = m2 - r2;
        v[4] = m1 - r1;
    }
}

template <int Radix, bool Inverse>
FS_INLINE void stage(c8* data, int n, int span, const float* twiddles) {
    const int part = span / Radix;
    for (int base = 0; base < n; base += span) {
        for (int j = 0; j < part; ++j) {
            c8* at = data + base + j;
            const float* w = twiddles + 2 * (Radix - 1) * j;
            c8 v[Radix];
            for (int q = 0; q < Radix; ++q) v[q] = at[q * part];
            if constexpr (Inverse) {
                for (int q = 1; q < Radix; ++q) v[q] = times(v[q], w[2 * q - 2], -w[2 * q - 1]);
            }
            butterfly<Radix, Inverse>(v);
            if constexpr (!Inverse) {
                for (int q = 1; q < Radix; ++q) v[q] = times(v[q], w[2 * q - 2], w[2 * q - 1]);
            }
            for (int q = 0; q < Radix; ++q) at[q * part] = v[q];
        }
    }
}

template <bool Inverse> inline void any_stage(c8* data, const Axis& axis, int number, int span) {
    const float* twiddles = axis.twiddles[number];
    switch (axis.radices[number]) {
    case 2:
        return stage<2, Inverse>(data, axis.n, span, twiddles);
    case 3:
        return stage<3, Inverse>(data, axis.n, span, twiddles);
    case 4:
        return stage<4, Inverse>(data, axis.n, span, twiddles);
    default:
        return stage<5, Inverse>(data, axis.n, span, twiddles);
    }
}

inline void forward(c8* data, const Axis& axis) {
    int span = axis.n;
    for (int s = 0; s < axis.n_stages; ++s) {
        any_stage<false>(data, axis, s, span);
        span /= axis.radices[s];
    }
}

inline void inverse(c8* data, const Axis& axis) {
    int span = 1;
    for (int s = axis.n_stages - 1; s >= 0; --s) {
        span *= axis.radices[s];
        any_stage<true>(data, axis, s, span);
    }
}

// Slot s of x is at position x.slot[s] of the transform, and its reflection at x.partner[s].
FS_INLINE bool is_cyclic(const Axis& x, int slot) {
    return slot < x.n / 2 || slot == x.n;
}

FS_INLINE c8* own_scratch(const Convolution& c, int thread) {
    const int longest = c.x.n > c.y.n ? c.x.n : c.y.n;
    return reinterpret_cast<c8*>(c.scratch) + static_cast<std::size_t>(thread) * 2 * longest;
}

FS_INLINE c8* spectrum_block(const Convolution& c, int block) {
    return reinterpret_cast<c8*>(c.spectrum) + static_cast<std::size_t>(block) * c.y.n;
}

// The cosine transform (DCT-I) along the rows 0 .. n of up to 16 columns, written as rows: `out` is
// transposed. The transform of an even sequence of length 2 n: its even frequencies are the cyclic
// transform of e(i) + e(i + n), and its odd frequencies the negacyclic transform of e(i) - e(i +
// n), where e(i + n) = values(n - i). All values are real, so 8 columns are the imaginary parts of
// 8 others.
inline void cosines(const Axis& axis, const float* values, int stride, int n_columns, float* out,
                    float* scratch) {
    const int n = axis.n;
    c8* cyclic = reinterpret_cast<c8*>(scratch);
    c8* negacyclic = cyclic + n;
    const auto row = [&](int i) {
        float of[16] = {};
        std::memcpy(of, values + static_cast<std::size_t>(i) * stride, sizeof(float) * n_columns);
        return c8{load(of), load(of + 8)};
    };
    for (int i = 0; i < n; ++i) {
        const c8 near = row(i), far = row(n - i);
        cyclic[i] = near + far;
        negacyclic[i] = times(near - far, axis.half[2 * i], axis.half[2 * i + 1]);
    }
    forward(cyclic, axis);
    forward(negacyclic, axis);
    for (int slot = 0; slot <= n; ++slot) {
        const c8 z = (is_cyclic(axis, slot) ? cyclic : negacyclic)[axis.slot[slot]];
        float of[16];
        store(of, z.re);
        store(of + 8, z.im);
        float* to = out + frequency_of_slot(n, slot);
        for (int column = 0; column < n_columns; ++column) {
            to[static_cast<std::size_t>(column) * (n + 1)] = of[column];
        }
    }
}

// Transforms the columns 16 tile .. 16 tile + 15 of the density along x into the spectrum.
inline void columns_forward(const Convolution& c, const float* density, int tile, int thread) {
    const Axis& x = c.x;
    c8* cyclic = own_scratch(c, thread);
    c8* negacyclic = cyclic + x.n;
    for (int i = 0; i < x.n; ++i) {
        const float* from = density + static_cast<std::size_t>(i) * c.stride + 16 * tile;
        cyclic[i] = {load(from), load(from + 8)};
        negacyclic[i] = times(cyclic[i], x.half[2 * i], x.half[2 * i + 1]);
    }
    forward(cyclic, x);
    forward(negacyclic, x);
    for (int block = 0; 8 * block <= x.n; ++block) {
        f8 a_re[8], a_im[8], b_re[8], b_im[8];
        for (int lane = 0; lane < 8; ++lane) {
            const int slot = 8 * block + lane;
            if (slot > x.n) {
                a_re[lane] = a_im[lane] = b_re[lane] = b_im[lane] = f8{};
                continue;
            }
            const c8* of = is_cyclic(x, slot) ? cyclic : negacyclic;
            const c8 z = of[x.slot[slot]], r = of[x.partner[slot]];
            a_re[lane] = (z.re + r.re) * 0.5F;
            a_im[lane] = (z.im - r.im) * 0.5F;
            b_re[lane] = (z.im + r.im) * 0.5F;
            b_im[lane] = (r.re - z.re) * 0.5F;
        }
        transpose(a_re);
        transpose(a_im);
        transpose(b_re);
        transpose(b_im);
        c8* to = spectrum_block(c, block) + 16 * tile;
        for (int column = 0; column < 8; ++column) {
            to[column] = {a_re[column], a_im[column]};
            to[column + 8] = {b_re[column], b_im[column]};
        }
    }
}

// Transforms eight slots of x along y, multiplies with the kernel, and transforms back.
inline void rows(const Convolution& c, int block, int thread) {
    const Axis& y = c.y;
    c8* cyclic = own_scratch(c, thread);
    c8* negacyclic = cyclic + y.n;
    c8* data = spectrum_block(c, block);
    for (int j = 0; j < y.n; ++j) {
        cyclic[j] = data[j];
        negacyclic[j] = times(data[j], y.half[2 * j], y.half[2 * j + 1]);
    }
    const float* kernel = c.kernel + static_cast<std::size_t>(block) * 2 * y.n * 8;
    c8* const parts[] = {cyclic, negacyclic};
    for (c8* part : parts) {
        forward(part, y);
        for (int k = 0; k < y.n; ++k, kernel += 8) {
            const f8 weight = load(kernel);
            part[k] = {part[k].re * weight, part[k].im * weight};
        }
        inverse(part, y);
    }
    for (int j = 0; j < y.n; ++j) {
        data[j] = cyclic[j] + times(negacyclic[j], y.half[2 * j], -y.half[2 * j + 1]);
    }
}

// Computes the columns 16 tile .. 16 tile + 15 of the potential from the spectrum.
inline void columns_inverse(const Convolution& c, float* potential, int tile, int thread) {
    const Axis& x = c.x;
    c8* cyclic = own_scratch(c, thread);
    c8* negacyclic = cyclic + x.n;
    for (int block = 0; 8 * block <= x.n; ++block) {
        f8 a_re[8], a_im[8], b_re[8], b_im[8];
        const c8* from = spectrum_block(c, block) + 16 * tile;
        for (int column = 0; column < 8; ++column) {
            a_re[column] = from[column].re;
            a_im[column] = from[column].im;
            b_re[column] = from[column + 8].re;
            b_im[column] = from[column + 8].im;
        }
        transpose(a_re);
        transpose(a_im);
        transpose(b_re);
        transpose(b_im);
        for (int lane = 0; lane < 8; ++lane) {
            const int slot = 8 * block + lane;
            if (slot > x.n) break;
            c8* of = is_cyclic(x, slot) ? cyclic : negacyclic;
            // The partner is written first. A slot that is its own reflection gets the same value.
            of[x.partner[slot]] = {a_re[lane] + b_im[lane], b_re[lane] - a_im[lane]};
            of[x.slot[slot]] = {a_re[lane] - b_im[lane], a_im[lane] + b_re[lane]};
        }
    }
    inverse(cyclic, x);
    inverse(negacyclic, x);
    for (int i = 0; i < x.n; ++i) {
        const c8 z = cyclic[i] + times(negacyclic[i], x.half[2 * i], -x.half[2 * i + 1]);
        float* to = potential + static_cast<std::size_t>(i) * c.stride + 16 * tile;
        store(to, z.re);
        store(to + 8, z.im);
    }
}

} // namespace
