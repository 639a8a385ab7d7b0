// The k nearest points of each query among the points of some cells (an inverted file).
#pragma once

#include <vector>

#include "kernels/kernels.hpp"
#include "points/graph.hpp"
#include "pool.hpp"

namespace meshtsne {

class CellIndex {
  public:
    // Copies n points of `dimensions` coordinates and the cell of each point.
    CellIndex(Pool& pool, const float* points, std::int64_t n, int dimensions,
              const std::int32_t* cell_of, std::int32_t n_cells);

    int dimensions() const { return dimensions_; }
    std::int32_t n_cells() const { return static_cast<std::int32_t>(start_.size()) - 1; }

    // Finds the k nearest points of m queries, each in its own cells, nearest cell first. Writes
    // indices (sorted by distance, then by index; -1 if the cells contain fewer than k points) and
    // distances (squared for the Euclidean metric). A result depends on its own query and cells
    // only.
    void search(Pool& pool, const float* queries, const std::int32_t* cells, std::int64_t m,
                int n_probes, int k, Metric metric, std::int32_t* index, float* distance) const;

  private:
    class Task;

    int dimensions_;
    std::vector<std::int64_t> start_; // first point of each cell in order_
    std::vector<std::int64_t> block_; // first block of each cell
    std::vector<std::int32_t> order_; // points, cell by cell
    Buffer<float> blocks_;            // 16 points each, by coordinate; infinite in the padding
};

} // namespace meshtsne
