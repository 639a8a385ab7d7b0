// P as a symmetric sparse matrix: built from each point's neighbours, and renumbered.
#pragma once

#include <cstdint>
#include <memory>
#include <new>
#include <vector>

#include "kernels.hpp"
#include "pool.hpp"

namespace featscape {

// An array without initialization (its pages are first touched by the thread that fills them), on a
// cache line's boundary, as vector loads want it.
struct FreeAligned {
    void operator()(void* p) const noexcept { ::operator delete[](p, std::align_val_t{64}); }
};
template <class T> using Buffer = std::unique_ptr<T[], FreeAligned>;
template <class T> Buffer<T> buffer(std::size_t n) {
    return Buffer<T>(new (std::align_val_t{64}) T[n]);
}

struct OwnedGraph {
    Buffer<std::int64_t> row;
    Buffer<std::uint32_t> column;
    Buffer<float> p;

    Graph view() const { return {row.get(), column.get(), p.get()}; }
};

// Compressed rows without padding, as Python has them.
struct Csr {
    std::vector<std::int64_t> row;
    Buffer<std::int32_t> column;
    Buffer<float> p;
};

// (P + P^T) / sum, columns ascending, from k neighbours of each point; index < 0: none there.
Csr symmetrize(Pool& pool, const std::int32_t* index, const float* p, std::int64_t n,
               std::int64_t k);

// Rows padded to multiples of 8 with p = 0 at the point itself.
OwnedGraph pad(Pool& pool, const std::int64_t* row, const std::int32_t* column, const float* p,
               std::int64_t n);

// Row i of the result is row order[i] of the graph, its columns renumbered the same way.
OwnedGraph renumber(Pool& pool, const Graph& graph, const std::uint32_t* order, std::int64_t n);

// The points' order along a space-filling curve (Morton's) through their bounding box.
std::vector<std::uint32_t> curve_order(Pool& pool, const float* Y, std::int64_t n, int dimensions);

} // namespace featscape
