// The bindings of the search for nearest neighbors.
#include <nanobind/stl/string.h>
#include <nanobind/stl/tuple.h>

#include <string>
#include <tuple>
#include <vector>

#include "bindings/arrays.hpp"
#include "search.hpp"
#include "tree.hpp"

namespace meshtsne {

namespace {

void check_cells(const In<std::int32_t, 1>& cells, std::int32_t n_cells) {
    for (std::size_t i = 0; i < cells.shape(0); ++i) {
        require(cells.data()[i] >= 0 && cells.data()[i] < n_cells,
                "a cell's number is out of range");
    }
}

// The search compares a query with each of its cells, and assumes that no point is found twice.
void check_probes(const In<std::int32_t, 2>& cells, std::int32_t n_cells) {
    const std::size_t n_probes = cells.shape(1);
    std::vector<std::size_t> last_row(static_cast<std::size_t>(n_cells), cells.shape(0));
    for (std::size_t row = 0; row < cells.shape(0); ++row) {
        for (std::size_t p = 0; p < n_probes; ++p) {
            const std::int32_t cell = cells.data()[row * n_probes + p];
            require(cell >= 0 && cell < n_cells, "a cell's number is out of range");
            std::size_t& last = last_row[static_cast<std::size_t>(cell)];
            require(last != row, "the cells of a query must differ");
            last = row;
        }
    }
}

Metric metric_named(const std::string& name) {
    if (name == "euclidean") return Metric::euclidean;
    if (name == "manhattan") return Metric::manhattan;
    require(name == "chebyshev", "the metric must be euclidean, manhattan or chebyshev");
    return Metric::chebyshev;
}

auto search_cells(const CellIndex& self, In<float, 2> queries, In<std::int32_t, 2> cells, int k,
                  Pool& pool, const std::string& metric_name) {
    const Metric metric = metric_named(metric_name);
    const std::size_t m = queries.shape(0), n_probes = cells.shape(1);
    require(static_cast<int>(queries.shape(1)) == self.dimensions(),
            "queries and points must have the same number of coordinates");
    require(cells.shape(0) == m && n_probes > 0 && k > 0,
            "each query needs at least one cell, and k must be at least 1");
    check_probes(cells, self.n_cells());
    auto index = buffer<std::int32_t>(m * static_cast<std::size_t>(k));
    auto distance = buffer<float>(m * static_cast<std::size_t>(k));
    {
        nb::gil_scoped_release release;
        self.search(pool, queries.data(), cells.data(), static_cast<std::int64_t>(m),
                    static_cast<int>(n_probes), k, metric, index.get(), distance.get());
    }
    return std::make_tuple(to_numpy(std::move(index), {m, static_cast<std::size_t>(k)}),
                           to_numpy(std::move(distance), {m, static_cast<std::size_t>(k)}));
}

auto neighbors_in_tree(In<float, 2> points, int k, Pool& pool) {
    check_positions(points);
    const std::size_t n = points.shape(0), width = static_cast<std::size_t>(std::max(k, 0));
    require(width > 0 && width < n, "k must be at least 1 and less than the number of points");
    auto index = buffer<std::int32_t>(n * width);
    auto distance = buffer<float>(n * width);
    {
        nb::gil_scoped_release release;
        search_tree(pool, points.data(), static_cast<std::int64_t>(n),
                    static_cast<int>(points.shape(1)), k, index.get(), distance.get());
    }
    return std::make_tuple(to_numpy(std::move(index), {n, width}),
                           to_numpy(std::move(distance), {n, width}));
}

} // namespace

void bind_search(nb::module_& m) {
    nb::class_<CellIndex>(m, "CellIndex",
                          "Points sorted by cell, for the search of nearest neighbors.")
        .def(
            "__init__",
            [](CellIndex* self, In<float, 2> points, In<std::int32_t, 1> cells,
               std::int32_t n_cells, Pool& pool) {
                require(points.shape(0) == cells.shape(0) && points.shape(0) < (1ULL << 31) &&
                            n_cells > 0,
                        "each point must have a cell");
                check_cells(cells, n_cells);
                new (self)
                    CellIndex(pool, points.data(), static_cast<std::int64_t>(points.shape(0)),
                              static_cast<int>(points.shape(1)), cells.data(), n_cells);
            },
            "points"_a, "cells"_a, "n_cells"_a, "pool"_a)
        .def(
            "search", &search_cells, "queries"_a, "cells"_a, "k"_a, "pool"_a,
            "metric"_a = "euclidean",
            "Return indices and distances, (m, k), nearest first; Euclidean distances are squared. "
            "The index is -1 if the cells contain fewer than k points.");
    m.def("search_tree", &neighbors_in_tree, "points"_a, "k"_a, "pool"_a,
          "Return indices and distances, (n, k), of the nearest other points of each of n points, "
          "(n, 1), (n, 2) or (n, 3): exactly, nearest first, ties by index.");
}

} // namespace meshtsne
