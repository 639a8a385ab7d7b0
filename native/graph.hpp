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

// Compressed rows without padding, as Python has them.
struct Csr {
    std::vector<std::int64_t> row;
    Buffer<std::int32_t> column;
    Buffer<float> p;
};

// (P + P^T) / sum, columns ascending, from k neighbours of each point; index < 0: none there.
Csr symmetrize(Pool& pool, const std::int32_t* index, const float* p, std::int64_t n,
               std::int64_t k);

// Points in one task, and rows in one block of the graph.
constexpr std::int64_t kChunk = 512;

// A share of the largest p, from its code.
float decode(std::uint16_t code);

// P as the kernels read it: see Block.
class PackedGraph {
  public:
    PackedGraph(Pool& pool, const std::int64_t* row, const std::int32_t* column, const float* p,
                std::int64_t n);

    float unit() const { return unit_; } // the largest p
    std::int64_t n_blocks() const { return static_cast<std::int64_t>(blocks_.size()); }
    Block block(std::int64_t number) const;

    // Calls visit(column, code) for each entry of row i; code 0 is padding.
    template <class Visit> void for_row(std::int64_t i, const Visit& visit) const;

    // The graph whose row i is row order[i] of this one, its columns renumbered the same way.
    PackedGraph renumbered(Pool& pool, const std::uint32_t* order) const;

  private:
    struct Rows {
        std::vector<std::uint32_t> near_row{0}, far_row{0}, far_column;
        std::vector<std::uint16_t> near_column, near_p, far_p;
    };

    PackedGraph(std::int64_t n, float unit)
        : n_(n), unit_(unit), blocks_(static_cast<std::size_t>((n + kChunk - 1) / kChunk)) {}

    static std::int64_t base(std::int64_t number);
    template <class FillRow> void fill(Pool& pool, const FillRow& fill_row);

    std::int64_t n_;
    float unit_;
    std::vector<Rows> blocks_;
};

template <class Visit> void PackedGraph::for_row(std::int64_t i, const Visit& visit) const {
    const Rows& rows = blocks_[static_cast<std::size_t>(i / kChunk)];
    const auto at = static_cast<std::size_t>(i % kChunk);
    const std::int64_t first = base(i / kChunk);
    for (std::size_t e = rows.near_row[at]; e < rows.near_row[at + 1]; ++e) {
        visit(first + rows.near_column[e], rows.near_p[e]);
    }
    for (std::size_t e = rows.far_row[at]; e < rows.far_row[at + 1]; ++e) {
        visit(static_cast<std::int64_t>(rows.far_column[e]), rows.far_p[e]);
    }
}

// The points' order along a space-filling curve (Morton's) through their bounding box.
std::vector<std::uint32_t> curve_order(Pool& pool, const float* Y, std::int64_t n, int dimensions);

} // namespace featscape
