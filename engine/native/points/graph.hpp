// P as a symmetric sparse matrix: construction from neighbors, and renumbering.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "kernels/kernels.hpp"
#include "memory.hpp"
#include "points/conditional.hpp"
#include "pool.hpp"

namespace meshtsne {

// Compressed sparse rows without padding, as in SciPy.
struct Csr {
    std::vector<std::int64_t> row;
    Buffer<std::int32_t> column;
    Buffer<float> p;
};

// P = (p_j|i + p_i|j) / sum, with ascending columns.
Csr symmetrize(Pool& pool, const Conditional& edges);

// Number of points in one task, and of rows in one block of the graph.
constexpr std::int64_t kChunk = 512;

// Returns p as a share of the unit.
float decode(std::uint16_t code);

struct RowParts; // scratch memory for the rows of one block

// P in the format of the kernels: see Block.
class PackedGraph {
  public:
    // Row i is row order[i] of P in compressed rows. In the order of a space-filling curve most
    // entries are near, so this order takes the least memory.
    PackedGraph(Pool& pool, const std::int64_t* row, const std::int32_t* column, const float* p,
                const std::vector<std::uint32_t>& order);

    // The same graph as from the result of `symmetrize`, which takes twice the memory.
    PackedGraph(Pool& pool, const Conditional& edges, const std::vector<std::uint32_t>& order);

    float unit() const { return unit_; } // a power of two, at least the largest p and 1 / n
    std::int64_t n_blocks() const { return static_cast<std::int64_t>(blocks_.size()); }
    const Block& block(std::int64_t number) const {
        return blocks_[static_cast<std::size_t>(number)];
    }

    // Calls visit(column, code) for each entry of row i; code 0 is padding.
    template <class Visit> void for_row(std::int64_t i, const Visit& visit) const {
        for_row(blocks_, i, visit);
    }

    // Moves row order[i] to row i, and renumbers the columns in the same way. Takes a part of the
    // memory of the graph in addition: half for a million points, an eighth from eight million on.
    void renumber(Pool& pool, const std::uint32_t* order);

  private:
    template <class Visit>
    static void for_row(const std::vector<Block>& blocks, std::int64_t i, const Visit& visit);

    void allocate(std::int64_t n_entries);

    // Fills a block. fill_row(i, add) calls add(column, code) for each entry of row i.
    template <class FillRow>
    void fill(std::int64_t number, RowParts& scratch, const FillRow& fill_row);

    // Copies the rows of a block from scratch memory.
    Block store(Block block, const RowParts& rows, Arena::Piece& piece);

    std::int64_t n_;
    float unit_;
    std::vector<Block> blocks_;
    std::vector<Arena::Piece> pieces_; // the memory of each block
    std::unique_ptr<Arena> memory_;
};

template <class Visit>
void PackedGraph::for_row(const std::vector<Block>& blocks, std::int64_t i, const Visit& visit) {
    const Block& rows = blocks[static_cast<std::size_t>(i / kChunk)];
    const auto at = static_cast<std::size_t>(i % kChunk);
    const auto visit_all = [&](const auto* entries, const auto* end, std::int64_t base) {
        for (; entries < end; ++entries) {
            for (int j = 0; j < 8; ++j) visit(base + entries->column[j], entries->p[j]);
        }
    };
    visit_all(rows.near + rows.near_row[at], rows.near + rows.near_row[at + 1], rows.base);
    visit_all(rows.far + rows.far_row[at], rows.far + rows.far_row[at + 1], 0);
}

// The order of the points along a Morton curve through their bounding box.
std::vector<std::uint32_t> curve_order(Pool& pool, const float* Y, std::int64_t n, int dimensions);

} // namespace meshtsne
