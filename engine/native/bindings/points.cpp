// The bindings of P, of the points and of their potential.
#include <nanobind/stl/shared_ptr.h>
#include <nanobind/stl/tuple.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <tuple>
#include <vector>

#include "bindings/arrays.hpp"
#include "points/points.hpp"
#include "points/short_range.hpp"

namespace meshtsne {

namespace {

template <class T, class Source> Buffer<T> copy(const Source& from) {
    auto to = buffer<T>(from.size());
    std::copy(from.begin(), from.end(), to.get());
    return to;
}

using AnyGrid = nb::ndarray<float, nb::c_contig, nb::device::cpu>;
using Origin = std::tuple<double, double, double>;

// The nodes are row-major; `origin` is the position of node (0, ..), `spacing` the distance h
// between nodes.
Grid checked_grid(const AnyGrid& values, int dimensions, const Origin& origin, double spacing) {
    require(static_cast<int>(values.ndim()) == dimensions,
            "the number of axes of the grid must equal the number of coordinates");
    Grid grid{};
    std::int64_t stride = 1;
    for (int d = dimensions - 1; d >= 0; --d) {
        const auto length = static_cast<std::int64_t>(values.shape(static_cast<std::size_t>(d)));
        grid.n[d] = static_cast<int>(d == dimensions - 1 ? length - kPadding : length);
        require(grid.n[d] >= 16, "each axis of the grid must have at least 16 nodes");
        grid.stride[d] = stride;
        stride *= length;
    }
    std::tie(grid.origin[0], grid.origin[1], grid.origin[2]) = origin;
    grid.per_unit = static_cast<float>(1.0 / spacing);
    return grid;
}

// (n_perplexities, n, 2): precision and 1 / sum of each Gaussian.
auto gaussians_of(In<float, 2> distances, In<std::int32_t, 2> indices,
                  const std::vector<double>& perplexities, Pool& pool) {
    const std::size_t n = distances.shape(0), k = distances.shape(1), u = perplexities.size();
    require(indices.shape(0) == n && indices.shape(1) == k,
            "distances and indices must have the same shape");
    require(u > 0 && std::all_of(perplexities.begin(), perplexities.end(),
                                 [](double perplexity) { return perplexity >= 1; }),
            "each perplexity must be at least 1");
    auto found = buffer<float>(2 * u * n);
    {
        nb::gil_scoped_release release;
        auto* gaussians = reinterpret_cast<Gaussian*>(found.get());
        for (double perplexity : perplexities) {
            find_gaussians(pool, distances.data(), indices.data(), static_cast<std::int64_t>(n),
                           static_cast<std::int64_t>(k), static_cast<float>(perplexity), gaussians);
            gaussians += n;
        }
    }
    return to_numpy(std::move(found), {u, n, 2});
}

Conditional checked_gaussians(const In<std::int32_t, 2>& indices, const In<float, 2>& distances,
                              const In<float, 3>& gaussians) {
    const std::size_t n = indices.shape(0), k = indices.shape(1);
    require(distances.shape(0) == n && distances.shape(1) == k && gaussians.shape(0) > 0 &&
                gaussians.shape(1) == n && gaussians.shape(2) == 2,
            "indices, distances and gaussians must have the same rows");
    return {indices.data(),
            nullptr,
            static_cast<std::int64_t>(n),
            static_cast<std::int64_t>(k),
            distances.data(),
            reinterpret_cast<const Gaussian*>(gaussians.data()),
            static_cast<std::int64_t>(gaussians.shape(0))};
}

auto conditional_probabilities(In<float, 2> distances, In<std::int32_t, 2> indices,
                               In<float, 3> gaussians, Pool& pool) {
    const Conditional conditional = checked_gaussians(indices, distances, gaussians);
    const auto n = indices.shape(0), k = indices.shape(1);
    auto p = buffer<float>(n * k);
    {
        nb::gil_scoped_release release;
        pool.run_chunks(
            conditional.n, kChunk, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
                ConditionalRow scratch;
                for (std::int64_t i = begin; i < end; ++i)
                    std::copy_n(conditional.row(i, scratch), k, p.get() + i * conditional.k);
            });
    }
    return to_numpy(std::move(p), {n, k});
}

void check_indices(const In<std::int32_t, 2>& indices) {
    for (std::size_t e = 0; e < indices.size(); ++e)
        require(indices.data()[e] < static_cast<std::int64_t>(indices.shape(0)),
                "an index is beyond the last point");
}

Conditional checked_edges(const In<std::int32_t, 2>& indices, const In<float, 2>& probabilities) {
    const std::size_t n = indices.shape(0), k = indices.shape(1);
    require(probabilities.shape(0) == n && probabilities.shape(1) == k,
            "indices and probabilities must have the same shape");
    check_indices(indices);
    return {indices.data(), probabilities.data(), static_cast<std::int64_t>(n),
            static_cast<std::int64_t>(k)};
}

auto symmetrize_neighbors(In<std::int32_t, 2> indices, In<float, 2> probabilities, Pool& pool) {
    const Conditional conditional = checked_edges(indices, probabilities);
    Csr csr;
    {
        nb::gil_scoped_release release;
        csr = symmetrize(pool, conditional);
    }
    const auto edges = static_cast<std::size_t>(csr.row.back());
    return std::make_tuple(to_numpy(copy<std::int64_t>(csr.row), {csr.row.size()}),
                           to_numpy(std::move(csr.column), {edges}),
                           to_numpy(std::move(csr.p), {edges}));
}

std::shared_ptr<Points> join_points(std::shared_ptr<Pool> pool, In<std::int32_t, 2> indices,
                                    In<float, 2> distances, In<float, 3> gaussians,
                                    In<float, 2> Y) {
    check_positions(Y);
    check_indices(indices);
    const Conditional conditional = checked_gaussians(indices, distances, gaussians);
    require(indices.shape(0) == Y.shape(0), "each point must have a row of neighbors");
    nb::gil_scoped_release release;
    return std::make_shared<Points>(std::move(pool), conditional, Y.data(),
                                    static_cast<int>(Y.shape(1)));
}

std::shared_ptr<Points> make_points(std::shared_ptr<Pool> pool, In<std::int64_t, 1> indptr,
                                    In<std::int32_t, 1> indices, In<float, 1> data,
                                    In<float, 2> Y) {
    check_positions(Y);
    const std::size_t n = Y.shape(0);
    require(indptr.shape(0) == n + 1 && indices.shape(0) == data.shape(0),
            "P must be a CSR matrix of shape (n, n)");
    const std::int64_t* row = indptr.data();
    require(row[0] == 0 && row[n] == static_cast<std::int64_t>(indices.shape(0)) &&
                std::is_sorted(row, row + n + 1),
            "the row pointers of P must ascend from 0 to the number of entries");
    for (std::size_t e = 0; e < indices.shape(0); ++e) {
        require(indices.data()[e] >= 0 && static_cast<std::size_t>(indices.data()[e]) < n,
                "a column of P is out of range");
    }
    nb::gil_scoped_release release;
    return std::make_shared<Points>(std::move(pool), row, indices.data(), data.data(), Y.data(),
                                    static_cast<std::int64_t>(n), static_cast<int>(Y.shape(1)));
}

} // namespace

void bind_points(nb::module_& m) {
    m.def("find_gaussians", &gaussians_of, "distances"_a, "indices"_a, "perplexities"_a, "pool"_a,
          "Return precision and 1 / sum of each row's Gaussian, shape (n_perplexities, n, 2).");
    m.def("conditional_probabilities", &conditional_probabilities, "distances"_a, "indices"_a,
          "gaussians"_a, "pool"_a,
          "Return p_j|i, shape (n, k), the mean of the Gaussians; 0 for a missing neighbor "
          "(index < 0).");
    m.def(
        "symmetrize", &symmetrize_neighbors, "indices"_a, "probabilities"_a, "pool"_a,
        "Return (P + P^T) / sum as (indptr, indices, data), columns ascending; an index < 0 marks "
        "a missing neighbor.");

    nb::class_<Points>(m, "Points", "Positions, velocities and gains of n points, and P.")
        .def(nb::new_(&make_points), "pool"_a, "indptr"_a, "indices"_a, "data"_a, "positions"_a)
        .def_static("from_gaussians", &join_points, "pool"_a, "indices"_a, "distances"_a,
                    "gaussians"_a, "positions"_a,
                    "Return the same points as from P = `symmetrize`, which takes more memory.")
        .def_prop_ro("size", &Points::size)
        .def("restart", &Points::restart, "Set the velocities to 0 and the gains to 1.")
        .def("renumber", &Points::renumber, nb::call_guard<nb::gil_scoped_release>(),
             "Sort the points in memory along a space-filling curve.")
        .def(
            "extent",
            [](const Points& self) {
                const auto D = static_cast<std::size_t>(self.dimensions());
                auto low = buffer<float>(D), high = buffer<float>(D);
                std::copy_n(self.extent().low, D, low.get());
                std::copy_n(self.extent().high, D, high.get());
                return std::make_tuple(to_numpy(std::move(low), {D}),
                                       to_numpy(std::move(high), {D}));
            },
            "Return the smallest and largest coordinate on each axis.")
        .def(
            "spread",
            [](Points& self, AnyGrid density, Origin origin, double spacing) {
                const Grid grid = checked_grid(density, self.dimensions(), origin, spacing);
                nb::gil_scoped_release release;
                self.spread(grid, density.data(), density.size());
            },
            "density"_a.noconvert(), "origin"_a, "spacing"_a,
            "Write the points' density to the grid.")
        .def(
            "grid_forces",
            [](Points& self, AnyGrid potential, Origin origin, double spacing, float split,
               float radius) {
                const Grid grid = checked_grid(potential, self.dimensions(), origin, spacing);
                require(split >= 0 && (split == 0 || (self.dimensions() == 3 && radius > 0)),
                        "split > 0 requires three dimensions and a radius above 0");
                nb::gil_scoped_release release;
                return self.grid_forces(grid, potential.data(), split, radius);
            },
            "potential"_a.noconvert(), "origin"_a, "spacing"_a, "split"_a = 0.0F, "radius"_a = 0.0F,
            "Compute both forces from the potential, plus the short range if split > 0; return Z.")
        .def("direct_forces", &Points::direct_forces, nb::call_guard<nb::gil_scoped_release>(),
             "Compute both forces by the sum over all pairs; return Z.")
        .def(
            "step",
            [](Points& self, double z, double exaggeration, double momentum, double learning_rate) {
                self.step({static_cast<float>(exaggeration), static_cast<float>(momentum),
                           static_cast<float>(learning_rate)},
                          z);
            },
            "z"_a, "exaggeration"_a, "momentum"_a, "learning_rate"_a,
            nb::call_guard<nb::gil_scoped_release>(),
            "Move the points by the forces computed last.")
        .def("kl_divergence", &Points::kl_divergence, "z"_a,
             nb::call_guard<nb::gil_scoped_release>())
        .def(
            "positions",
            [](const Points& self) {
                const auto n = static_cast<std::size_t>(self.size()),
                           D = static_cast<std::size_t>(self.dimensions());
                auto to = buffer<float>(n * D);
                self.copy_positions(to.get());
                return to_numpy(std::move(to), {n, D});
            },
            "Return the positions, shape (n, c), in the caller's order, centered on 0.")
        .def(
            "forces",
            [](const Points& self) {
                const auto n = static_cast<std::size_t>(self.size()),
                           D = static_cast<std::size_t>(self.dimensions());
                auto attraction = buffer<float>(n * D), repulsion = buffer<float>(n * D);
                self.copy_forces(attraction.get(), repulsion.get());
                return std::make_tuple(to_numpy(std::move(attraction), {n, D}),
                                       to_numpy(std::move(repulsion), {n, D}));
            },
            "Return the attraction and repulsion computed last, in the caller's order.");

    nb::class_<ShortRange>(
        m, "ShortRange",
        "Points, shape (n, 3), in cells, for the short-range part of their potential.")
        .def(
            "__init__",
            [](ShortRange* self, In<float, 2> positions, float radius, Pool& pool) {
                require(positions.shape(0) > 0 && positions.shape(0) < (1ULL << 31) &&
                            positions.shape(1) == 3 && radius > 0,
                        "positions must be (n, 3), and radius must be above 0");
                new (self) ShortRange(pool, positions.data(),
                                      static_cast<std::int64_t>(positions.shape(0)), radius);
            },
            "positions"_a, "radius"_a, "pool"_a)
        .def(
            "add",
            [](const ShortRange& self, In<float, 2> positions, float split, InOut<float, 1> phi,
               InOut<float, 2> gradient, Pool& pool) {
                const std::size_t m = positions.shape(0);
                require(
                    positions.shape(1) == 3 && phi.shape(0) == m && gradient.shape(0) == m &&
                        gradient.shape(1) == 3 && split > 0,
                    "positions and gradient must be (m, 3), phi (m,), and split must be above 0");
                nb::gil_scoped_release release;
                self.add(pool, positions.data(), static_cast<std::int64_t>(m), split, phi.data(),
                         gradient.data());
            },
            "positions"_a, "split"_a, "phi"_a.noconvert(), "gradient"_a.noconvert(), "pool"_a,
            "Add the short-range part of the potential and of its gradient at the positions.");

    m.def(
        "evaluate",
        [](Pool& pool, AnyGrid potential, Origin origin, double spacing, In<float, 2> positions) {
            const std::size_t n = positions.shape(0), D = positions.shape(1);
            const Grid grid = checked_grid(potential, static_cast<int>(D), origin, spacing);
            auto phi = buffer<float>(n), gradient = buffer<float>(n * D);
            {
                nb::gil_scoped_release release;
                evaluate(pool, grid, static_cast<int>(D), potential.data(), positions.data(),
                         static_cast<std::int64_t>(n), phi.get(), gradient.get());
            }
            return std::make_tuple(to_numpy(std::move(phi), {n}),
                                   to_numpy(std::move(gradient), {n, D}));
        },
        "pool"_a, "potential"_a.noconvert(), "origin"_a, "spacing"_a, "positions"_a,
        "Return the potential and its gradient at any positions; outside the grid, at its border.");
}

} // namespace meshtsne
