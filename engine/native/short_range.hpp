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
    // The positions Y, n x 3, are copied. Beyond `radius` the short range counts as nothing.
    ShortRange(Pool& pool, const float* Y, std::int64_t n, float radius);

    // Adds w exp(-split / w), w = 1 / (1 + |y - y_j|^2), summed over the points j, and its gradient
    // to phi and gradient of the m targets y. Farther points than asked for may have their say.
    void add(Pool& pool, const float* targets, std::int64_t m, float split, float* phi,
             float* gradient) const;

  private:
    // Some numbers sorted by their cell, and where each cell begins.
    struct Sorted {
        std::vector<std::uint32_t> order;
        std::vector<std::uint32_t> start;
    };
    Sorted sort(Pool& pool, const float* Y, std::int64_t n) const;

    // The points of the cells around one, by coordinate; padded to a multiple of 8.
    std::size_t collect(const int (&cell)[3], Array<float> (&near)[3]) const;

    float low_[3], per_unit_;
    int cells_[3];
    Sorted sorted_;
    Array<float> axes_[3]; // the positions, cell by cell
};

} // namespace meshtsne
