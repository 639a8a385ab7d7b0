// NumPy arrays as arguments and results. nanobind checks the dtype, the number of axes and the
// C-contiguity of the arrays; the bindings check that their shapes fit together.
#pragma once
#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <initializer_list>

#include "memory.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace meshtsne {

template <class T, int Axes>
using In = nb::ndarray<const T, nb::ndim<Axes>, nb::c_contig, nb::device::cpu>;
template <class T, int Axes>
using InOut = nb::ndarray<T, nb::ndim<Axes>, nb::c_contig, nb::device::cpu>;
template <class T> using Out = nb::ndarray<nb::numpy, T>;

inline void require(bool holds, const char* message) {
    if (!holds) throw nb::value_error(message);
}

// Floats after each row of the last axis of a grid: the kernels load 8.
constexpr std::int64_t kPadding = 8;

inline void check_positions(const In<float, 2>& Y) {
    require(Y.shape(0) < (1ULL << 31), "the number of points must be less than 2^31");
    require(std::all_of(Y.data(), Y.data() + Y.size(), [](float y) { return std::isfinite(y); }),
            "positions must be finite");
    require(Y.shape(0) > 0 && Y.shape(1) >= 1 && Y.shape(1) <= 3,
            "positions must be (n, 1), (n, 2) or (n, 3)");
}

// Moves an array to NumPy, which frees the memory.
template <class T> Out<T> to_numpy(Buffer<T> data, std::initializer_list<std::size_t> shape) {
    T* pointer = data.release();
    nb::capsule owner(pointer, [](void* p) noexcept { Free{}(p); });
    return Out<T>(pointer, shape, owner);
}

// Each adds the names of one part to the module.
void bind_convolution(nb::module_& m);
void bind_points(nb::module_& m);
void bind_search(nb::module_& m);

} // namespace meshtsne
