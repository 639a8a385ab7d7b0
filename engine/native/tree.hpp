// The nearest neighbors of points in one, two or three dimensions, exactly, by a k-d tree.
#pragma once

#include <cstdint>

#include "pool.hpp"

namespace meshtsne {

// Finds the k nearest other points of each of n points, finite, n x dimensions; 0 < k < n. Writes
// n x k indices (sorted by distance, then by index) and distances. The distances are compared in
// double precision.
void search_tree(Pool& pool, const float* points, std::int64_t n, int dimensions, int k,
                 std::int32_t* index, float* distance);

} // namespace meshtsne
