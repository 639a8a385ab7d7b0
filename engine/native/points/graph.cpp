#include "points/graph.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <iterator>
#include <numeric>
#include <utility>

#include "points/merging.hpp"

namespace meshtsne {

namespace {

// The rows move to a new order in this number of parts, at least one for kMovedRows rows. Before
// each part, the rows that have not moved are copied.
constexpr std::int64_t kMovedRows = 1 << 20, kFewestMoves = 2, kMostMoves = 8;
constexpr std::size_t kArenaChunk = std::size_t{1} << 25;
constexpr std::size_t kMostSpare = std::size_t{1} << 29; // bytes kept for the next renumbering

std::uint64_t spread_bits_2(std::uint64_t v) {
    v = (v | (v << 16)) & 0x0000FFFF0000FFFF;
    v = (v | (v << 8)) & 0x00FF00FF00FF00FF;
    v = (v | (v << 4)) & 0x0F0F0F0F0F0F0F0F;
    v = (v | (v << 2)) & 0x3333333333333333;
    return (v | (v << 1)) & 0x5555555555555555;
}

std::uint64_t spread_bits_3(std::uint64_t v) {
    v = (v | (v << 32)) & 0x001F00000000FFFF;
    v = (v | (v << 16)) & 0x001F0000FF0000FF;
    v = (v | (v << 8)) & 0x100F00F00F00F00F;
    v = (v | (v << 4)) & 0x10C30C30C30C30C3;
    return (v | (v << 2)) & 0x1249249249249249;
}

// The near or the far part of the rows of a block, before the part is copied to the arena.
template <class Index> class RowPart {
  public:
    void clear() {
        row_.assign(1, 0);
        entries_.clear();
    }

    void add(Index column, std::uint16_t code) {
        if (at_ == 0) entries_.emplace_back();
        entries_.back().column[at_] = column;
        entries_.back().p[at_] = code;
        at_ = (at_ + 1) % 8;
    }

    // Ends a row: pads it with entries that point to the row itself.
    void end_row(Index own) {
        while (at_ != 0) add(own, 0);
        row_.push_back(static_cast<std::uint32_t>(entries_.size()));
    }

    // Adds a padded row.
    void add_row(const Entries<Index>* begin, const Entries<Index>* end) {
        entries_.insert(entries_.end(), begin, end);
        row_.push_back(static_cast<std::uint32_t>(entries_.size()));
    }

    const std::vector<std::uint32_t>& row() const { return row_; }
    const std::vector<Entries<Index>>& entries() const { return entries_; }

  private:
    std::vector<std::uint32_t> row_;
    std::vector<Entries<Index>> entries_;
    int at_ = 0; // position in the last eight entries
};

// The bytes of n values and the padding to the next cache line.
template <class T> constexpr std::size_t padded_bytes(std::size_t n) {
    return (n * sizeof(T) + kCacheLine - 1) / kCacheLine * kCacheLine;
}

// A small graph allocates no more memory than it needs.
constexpr std::size_t kBytesPerEntry = 4, kSmallest = std::size_t{1} << 16;

// The code 0 means no entry: p is less than 2^-31 of the largest p.
std::uint16_t encode(float share) {
    const auto bits = std::bit_cast<std::uint32_t>(share) + (1U << (kCodeShift - 1));
    if (!(share > 0) || bits < kCodeBias + (1U << kCodeShift)) return 0;
    return static_cast<std::uint16_t>((bits - kCodeBias) >> kCodeShift);
}

// The row to which each row of the old order moves.
Buffer<std::uint32_t> ranks(Pool& pool, const std::uint32_t* order, std::int64_t n) {
    auto rank = buffer<std::uint32_t>(static_cast<std::size_t>(n));
    pool.run_chunks(n, kChunk, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) rank[order[i]] = static_cast<std::uint32_t>(i);
    });
    return rank;
}

struct Survey {
    float scale, largest; // 1 / the sum of p_j|i + p_i|j, and the largest p_j|i
};

Survey survey_of(Pool& pool, const Conditional& edges) {
    struct Chunk {
        double sum;
        float largest;
    };
    std::vector<Chunk> chunks(static_cast<std::size_t>((edges.n + kChunk - 1) / kChunk));
    pool.run_chunks(edges.n, kChunk, [&](std::int64_t c, std::int64_t begin, std::int64_t end) {
        Chunk chunk{0.0, 0.0F};
        ConditionalRow scratch;
        for (std::int64_t i = begin; i < end; ++i) {
            const float* p = edges.row(i, scratch);
            for (std::int64_t j = 0; j < edges.k; ++j) {
                if (edges.index[i * edges.k + j] < 0 || !(p[j] > 0)) continue;
                chunk.sum += static_cast<double>(p[j]);
                chunk.largest = std::max(chunk.largest, p[j]);
            }
        }
        chunks[static_cast<std::size_t>(c)] = chunk;
    });
    double total = 0;
    float largest = 0;
    for (const Chunk& chunk : chunks) {
        total += chunk.sum;
        largest = std::max(largest, chunk.largest);
    }
    return {static_cast<float>(total > 0 ? 1.0 / (2 * total) : 0.0), largest};
}

// The unit of the codes for n points. A row of p_j|i has the sum 1, so no p is above 1 / n, unless
// the caller gave P. A power of two keeps the mantissa of p.
float unit_above(std::int64_t n, float largest) {
    return std::exp2(std::ceil(std::log2(std::max(largest, 1.0F / static_cast<float>(n)))));
}

// Copies the values to an aligned place, and returns the place after them and some zeros.
template <class T>
std::byte* put(std::byte* memory, const std::vector<T>& values, std::size_t n_zeros = 0) {
    T* to = reinterpret_cast<T*>(memory);
    std::fill_n(std::copy(values.begin(), values.end(), to), n_zeros, T{});
    return memory + padded_bytes<T>(values.size() + n_zeros);
}

} // namespace

float decode(std::uint16_t code) {
    return std::bit_cast<float>((static_cast<std::uint32_t>(code) << kCodeShift) + kCodeBias);
}

struct RowParts {
    RowPart<std::uint16_t> near;
    RowPart<std::uint32_t> far;

    void clear() {
        near.clear();
        far.clear();
    }

    // Adds row i of a block, or an empty row.
    void add_row(const Block& block, std::int64_t i, bool whole) {
        const std::int64_t r = i - block.begin, from = whole ? r : r + 1;
        near.add_row(block.near + block.near_row[from], block.near + block.near_row[r + 1]);
        far.add_row(block.far + block.far_row[from], block.far + block.far_row[r + 1]);
    }
};

Csr symmetrize(Pool& pool, const Conditional& conditional) {
    const std::int64_t n = conditional.n;
    const Numbered edges{conditional, nullptr, nullptr};
    const float scale = survey_of(pool, conditional).scale;
    Csr out;
    out.row.assign(static_cast<std::size_t>(n) + 1, 0);
    // No memory is in use for the end of the arrays, which is never written.
    out.column = buffer<std::int32_t>(static_cast<std::size_t>(2 * n * edges.k));
    out.p = buffer<float>(static_cast<std::size_t>(2 * n * edges.k));
    std::vector<Merged> scratch(static_cast<std::size_t>(pool.size()));
    Arena memory(kArenaChunk);
    Transposition transposed(pool, edges);
    transposed.for_parts(pool, [&](std::int64_t first, std::int64_t last) {
        std::vector<Arena::Piece> chunks(
            static_cast<std::size_t>((last - first + kChunk - 1) / kChunk));
        pool.run_with_thread(
            static_cast<std::int64_t>(chunks.size()), [&](std::int64_t c, int thread) {
                Merged& merged = scratch[static_cast<std::size_t>(thread)];
                merged.clear();
                const std::int64_t begin = first + c * kChunk;
                merged.sort(transposed.bucket(begin / kChunk));
                for (std::int64_t i = begin; i < std::min(last, begin + kChunk); ++i) {
                    const std::size_t before = merged.p.size();
                    merged.add_row(edges, i);
                    out.row[static_cast<std::size_t>(i) + 1] =
                        static_cast<std::int64_t>(merged.p.size() - before);
                }
                const std::size_t count = merged.p.size();
                auto& chunk = chunks[static_cast<std::size_t>(c)];
                chunk = memory.take(padded_bytes<std::int32_t>(count) + padded_bytes<float>(count));
                put(put(chunk.memory, merged.column), merged.p);
            });
        std::partial_sum(out.row.begin() + first, out.row.begin() + last + 1,
                         out.row.begin() + first);
        pool.run_chunks(
            last - first, kChunk, [&](std::int64_t c, std::int64_t begin, std::int64_t end) {
                const Arena::Piece& chunk = chunks[static_cast<std::size_t>(c)];
                const std::int64_t to = out.row[static_cast<std::size_t>(first + begin)],
                                   count = out.row[static_cast<std::size_t>(first + end)] - to;
                const auto* column = reinterpret_cast<const std::int32_t*>(chunk.memory);
                const auto* p = reinterpret_cast<const float*>(
                    chunk.memory + padded_bytes<std::int32_t>(static_cast<std::size_t>(count)));
                std::copy_n(column, count, out.column.get() + to);
                std::transform(p, p + count, out.p.get() + to,
                               [scale](float value) { return value * scale; });
                memory.release(chunk);
            });
    });
    return out;
}

template <class FillRow>
void PackedGraph::fill(std::int64_t number, RowParts& scratch, const FillRow& fill_row) {
    scratch.clear();
    auto& [near, far] = scratch;
    const std::int64_t begin = number * kChunk, end = std::min(n_, begin + kChunk);
    const std::int64_t base = std::max<std::int64_t>(0, begin + kChunk / 2 - 32768);
    for (std::int64_t i = begin; i < end; ++i) {
        fill_row(i, [&](std::int64_t column, std::uint16_t code) {
            if (column >= base && column < base + 65536) {
                near.add(static_cast<std::uint16_t>(column - base), code);
            } else {
                far.add(static_cast<std::uint32_t>(column), code);
            }
        });
        near.end_row(static_cast<std::uint16_t>(i - base));
        far.end_row(static_cast<std::uint32_t>(i));
    }
    const auto at = static_cast<std::size_t>(number);
    const Block block{begin, end, base, nullptr, nullptr, nullptr, nullptr, unit_};
    blocks_[at] = store(block, scratch, pieces_[at]);
}

Block PackedGraph::store(Block block, const RowParts& rows, Arena::Piece& piece) {
    const auto& [near, far] = rows;
    const std::size_t sizes[] = {padded_bytes<std::uint32_t>(near.row().size()),
                                 padded_bytes<std::uint32_t>(far.row().size()),
                                 padded_bytes<Near>(near.entries().size()),
                                 padded_bytes<Far>(far.entries().size() + kFarAhead)};
    piece = memory_->take(std::accumulate(std::begin(sizes), std::end(sizes), std::size_t{0}));
    std::byte* at = piece.memory;
    block.near_row = reinterpret_cast<const std::uint32_t*>(at);
    at = put(at, near.row());
    block.far_row = reinterpret_cast<const std::uint32_t*>(at);
    at = put(at, far.row());
    block.near = reinterpret_cast<const Near*>(at);
    at = put(at, near.entries());
    block.far = reinterpret_cast<const Far*>(at);
    put(at, far.entries(), kFarAhead);
    return block;
}

void PackedGraph::allocate(std::int64_t n_entries) {
    const std::size_t expected = kBytesPerEntry * static_cast<std::size_t>(n_entries);
    const std::size_t chunk = std::clamp(expected, kSmallest, kArenaChunk);
    memory_ = std::make_unique<Arena>(chunk);
    blocks_.resize(static_cast<std::size_t>((n_ + kChunk - 1) / kChunk));
    pieces_.resize(blocks_.size());
}

PackedGraph::PackedGraph(Pool& pool, const std::int64_t* row, const std::int32_t* column,
                         const float* p, const std::vector<std::uint32_t>& order)
    : n_(static_cast<std::int64_t>(order.size())),
      unit_(unit_above(n_, row[n_] > 0 ? *std::max_element(p, p + row[n_]) : 0.0F)) {
    allocate(row[n_]);
    const auto rank = ranks(pool, order.data(), n_);
    // Ascending columns, as from the conditional probabilities: the bits of a sum depend on them.
    struct Scratch {
        RowParts rows;
        std::vector<std::pair<std::uint32_t, std::uint16_t>> entries;
    };
    std::vector<Scratch> scratch(static_cast<std::size_t>(pool.size()));
    pool.run_with_thread(n_blocks(), [&](std::int64_t number, int thread) {
        auto& [rows, entries] = scratch[static_cast<std::size_t>(thread)];
        fill(number, rows, [&](std::int64_t i, const auto& add) {
            entries.clear();
            const std::size_t own = order[static_cast<std::size_t>(i)];
            for (std::int64_t e = row[own]; e < row[own + 1]; ++e) {
                if (const std::uint16_t code = encode(p[e] / unit_))
                    entries.emplace_back(rank[static_cast<std::size_t>(column[e])], code);
            }
            std::sort(entries.begin(), entries.end());
            for (const auto& [to, code] : entries) add(to, code);
        });
    });
}

PackedGraph::PackedGraph(Pool& pool, const Conditional& conditional,
                         const std::vector<std::uint32_t>& order)
    : n_(conditional.n) {
    const Survey survey = survey_of(pool, conditional);
    const float scale = survey.scale;
    unit_ = unit_above(n_, 2 * scale * survey.largest); // a bound of the largest p_j|i + p_i|j
    allocate(n_ * conditional.k);
    const auto rank = ranks(pool, order.data(), n_);
    const Numbered edges{conditional, order.data(), rank.get()};
    struct Scratch {
        RowParts rows;
        Merged merged;
    };
    std::vector<Scratch> scratch(static_cast<std::size_t>(pool.size()));
    Transposition transposed(pool, edges);
    transposed.for_parts(pool, [&](std::int64_t first, std::int64_t last) {
        const std::int64_t first_block = first / kChunk, end_block = (last + kChunk - 1) / kChunk;
        pool.run_with_thread(end_block - first_block, [&](std::int64_t task, int thread) {
            auto& [rows, merged] = scratch[static_cast<std::size_t>(thread)];
            merged.sort(transposed.bucket(first_block + task));
            fill(first_block + task, rows, [&](std::int64_t i, const auto& add) {
                merged.clear();
                merged.add_row(edges, i);
                for (std::size_t e = 0; e < merged.p.size(); ++e) {
                    if (const std::uint16_t code = encode(merged.p[e] * scale / unit_))
                        add(merged.column[e], code);
                }
            });
        });
    });
}

void PackedGraph::renumber(Pool& pool, const std::uint32_t* order) {
    const auto rank = ranks(pool, order, n_);
    std::vector<Block> before = blocks_;
    std::vector<Arena::Piece> pieces = pieces_; // of `before`
    std::vector<RowParts> scratch(static_cast<std::size_t>(pool.size()));
    const std::int64_t parts = std::clamp(n_ / kMovedRows, kFewestMoves, kMostMoves);
    const std::int64_t step = (n_blocks() + parts - 1) / parts;
    for (std::int64_t first = 0; first < n_blocks(); first += step) {
        const std::int64_t last = std::min(n_blocks(), first + step);
        pool.run_with_thread(last - first, [&](std::int64_t task, int thread) {
            fill(first + task, scratch[static_cast<std::size_t>(thread)],
                 [&](std::int64_t i, const auto& add) {
                     for_row(before, order[i], [&](std::int64_t column, std::uint16_t code) {
                         if (code != 0) add(rank[column], code);
                     });
                 });
        });
        if (last == n_blocks()) break;
        // Keep only the rows that are still needed, and use the memory of the others again.
        pool.run_with_thread(n_blocks(), [&](std::int64_t number, int thread) {
            Block& block = before[static_cast<std::size_t>(number)];
            Arena::Piece& piece = pieces[static_cast<std::size_t>(number)];
            const Arena::Piece whole = piece;
            RowParts& rows = scratch[static_cast<std::size_t>(thread)];
            rows.clear();
            for (std::int64_t i = block.begin; i < block.end; ++i)
                rows.add_row(block, i, rank[i] >= last * kChunk);
            block = store(block, rows, piece);
            memory_->release(whole);
        });
    }
    for (const Arena::Piece& piece : pieces) memory_->release(piece);
    memory_->trim(kMostSpare);
}

std::vector<std::uint32_t> curve_order(Pool& pool, const float* Y, std::int64_t n, int dimensions) {
    float low[3], scale = 0.0F;
    for (int d = 0; d < dimensions; ++d) {
        float high = low[d] = Y[d];
        for (std::int64_t i = 0; i < n; ++i) {
            low[d] = std::min(low[d], Y[dimensions * i + d]);
            high = std::max(high, Y[dimensions * i + d]);
        }
        scale = std::max(scale, high - low[d]);
    }
    const float levels = dimensions == 3 ? 2097151.0F : 16777215.0F;
    const float per_unit = scale > 0 ? levels / scale : 0.0F;
    std::vector<std::pair<std::uint64_t, std::uint32_t>> keys(static_cast<std::size_t>(n));
    pool.run_chunks(n, kChunk, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            std::uint64_t key = 0;
            for (int d = 0; d < dimensions; ++d) {
                const float along = (Y[dimensions * i + d] - low[d]) * per_unit;
                const auto place = static_cast<std::uint64_t>(along > 0 ? along : 0); // NaN: 0
                key |= dimensions == 1   ? place
                       : dimensions == 2 ? spread_bits_2(place) << d
                                         : spread_bits_3(place) << d;
            }
            keys[static_cast<std::size_t>(i)] = {key, static_cast<std::uint32_t>(i)};
        }
    });
    std::sort(keys.begin(), keys.end());
    std::vector<std::uint32_t> order(keys.size());
    std::transform(keys.begin(), keys.end(), order.begin(), [](const auto& k) { return k.second; });
    return order;
}

} // namespace meshtsne
