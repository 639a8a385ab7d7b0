// The short-range part of the potential in three dimensions: see grid.py.
#pragma once

#include <cstdint>
#include <vector>

#include "memory.hpp"
#include "pool.hpp"

namespace meshtsne {

// Points in cubic cells, each half as wide as the short range reaches.
class ShortRange {
  public:
    // Copies the positions Y, n x 3. The short range beyond `radius` is neglected.
    ShortRange(Pool& pool, const float* Y, std::int64_t n, float radius);

    // Adds w exp(-split / w), w = 1 / (1 + |y - y_j|^2), summed over the points j, and its gradient
    // to phi and gradient of the m targets y. Some points beyond the radius are included.
    void add(Pool& pool, const float* targets, std::int64_t m, float split, float* phi,
             float* gradient) const;

  private:
    // Indices sorted by cell, and the first index of each cell.
    struct Sorted {
        std::vector<std::uint32_t> order;
        std::vector<std::uint32_t> start;
    };
    Sorted sort(Pool& pool, const float* Y, std::int64_t n) const;

    // The points of the cells around a cell, by coordinate, padded to a multiple of 8.
    std::size_t collect(const int (&cell)[3], Array<float> (&near)[3]) const;

    float low_[3], per_unit_;
    int cells_[3];
    Sorted sorted_;
    Array<float> axes_[3]; // the positions, cell by cell
};

} // namespace meshtsne
