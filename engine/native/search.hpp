// The k nearest points of each query among the points of some cells (an inverted file).
#pragma once

#include <vector>

#include "graph.hpp"
#include "kernels.hpp"
#include "pool.hpp"

namespace meshtsne {

class CellIndex {
  public:
    // n points of `dimensions` coordinates, and the cell of each; all is copied.
    CellIndex(Pool& pool, const float* points, std::int64_t n, int dimensions,
              const std::int32_t* cell_of, std::int32_t n_cells);

    int dimensions() const { return dimensions_; }
    std::int32_t n_cells() const { return static_cast<std::int32_t>(start_.size()) - 1; }

    // For m queries, each with its own cells, nearest cell first: indices (nearest first, then by
    // index; -1 where the cells hold fewer than k) and squared distances. An answer depends on its
    // own query and cells alone.
    void search(Pool& pool, const float* queries, const std::int32_t* cells, std::int64_t m,
                int n_probes, int k, std::int32_t* index, float* squared) const;

  private:
    class Task;

    int dimensions_;
    std::vector<std::int64_t> start_; // first point of each cell in order_
    std::vector<std::int64_t> block_; // first block of each cell
    std::vector<std::int32_t> order_; // points, cell by cell
    Buffer<float> blocks_, norms_; // 16 points each, by coordinate; norms infinite in the padding
};

} // namespace meshtsne
