// The bindings of the convolution on the grid.
#include <nanobind/stl/shared_ptr.h>

#include <memory>
#include <tuple>

#include "bindings/arrays.hpp"
#include "convolution.hpp"

namespace meshtsne {

namespace {

// The lengths of the axes of a grid, of which `values` has one value for each frequency or one node
// more.
std::tuple<int, int> axis_lengths(const In<float, 2>& values) {
    const int nx = static_cast<int>(values.shape(0)) - 1,
              ny = static_cast<int>(values.shape(1)) - 1;
    for (int n : {nx, ny}) {
        require(n >= 16 && n % 16 == 0, "a grid axis must be a multiple of 16");
        for (int f : {2, 3, 5})
            while (n % f == 0) n /= f;
        require(n == 1, "a grid axis must have no prime factor above 5");
    }
    return {nx, ny};
}

auto cosines(Pool& pool, In<float, 2> values) {
    const auto [nx, ny] = axis_lengths(values);
    auto out = buffer<float>(values.size());
    {
        nb::gil_scoped_release release;
        cosine_transform(pool, nx, ny, values.data(), out.get());
    }
    return to_numpy(std::move(out), {values.shape(0), values.shape(1)});
}

} // namespace

void bind_convolution(nb::module_& m) {
    m.def("cosine_transform", &cosines, "pool"_a, "values"_a,
          "Return the cosine transform (DCT-I) along both axes, shape (nx + 1, ny + 1).");
    nb::class_<PotentialSolver>(
        m, "PotentialSolver",
        "Linear convolution of a density, shape (nx, ny + PADDING), with an even kernel.")
        .def(
            "__init__",
            [](PotentialSolver* self, std::shared_ptr<Pool> pool, In<float, 2> spectrum) {
                const auto [nx, ny] = axis_lengths(spectrum);
                new (self) PotentialSolver(std::move(pool), nx, ny, spectrum.data());
            },
            "pool"_a, "spectrum"_a)
        .def(
            "solve",
            [](PotentialSolver& self, InOut<float, 2> density) {
                require(static_cast<int>(density.shape(0)) == self.nx() &&
                            static_cast<std::int64_t>(density.shape(1)) == self.ny() + kPadding,
                        "the density must be (nx, ny + PADDING)");
                nb::gil_scoped_release release;
                self.solve(density.data(), static_cast<int>(density.shape(1)));
            },
            "density"_a.noconvert(), "Convert the density to the potential, in place.");
}

} // namespace meshtsne
