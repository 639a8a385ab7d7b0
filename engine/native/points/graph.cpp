#include "points/graph.hpp"

#include <algorithm>
#include <bit>
#include <numeric>
#include <utility>

namespace meshtsne {

namespace {

constexpr std::int64_t kBucket = 4096;    // points whose incoming edges are collected together
constexpr std::int64_t kPart = 1 << 17;   // points whose rows are merged together
constexpr std::int64_t kMostParts = 8;    // each part reads all edges
constexpr std::int64_t kMostChunks = 256; // chunks of sources, each with a position in every bucket
constexpr std::size_t kArenaChunk = std::size_t{1} << 25;

struct Edge {
    std::int32_t target, source;
    float p;
};

// The incoming edges of the points from `first` on: sources in ascending order, and p.
struct Incoming {
    std::int64_t first;
    std::vector<std::int64_t> row;
    Buffer<std::int32_t> source;
    Buffer<float> p;
};

// The incoming edges of the points `first` .. `last`, by a radix sort by target: first into
// buckets, then within each bucket, which fits into the cache. Scattering all edges in one pass
// would miss the cache for every edge.
Incoming transpose(Pool& pool, const std::int32_t* index, const float* p, std::int64_t n,
                   std::int64_t k, std::int64_t first, std::int64_t last) {
    const std::int64_t buckets = (last - first + kBucket - 1) / kBucket;
    const std::int64_t sources = std::max(kBucket, (n + kMostChunks - 1) / kMostChunks);
    const std::int64_t chunks = (n + sources - 1) / sources;
    // place[c * buckets + b]: the position of the next edge from chunk c in bucket b.
    std::vector<std::int64_t> place(static_cast<std::size_t>(chunks * buckets), 0);
    pool.run_chunks(n, sources, [&](std::int64_t c, std::int64_t begin, std::int64_t end) {
        std::int64_t* count = place.data() + c * buckets;
        for (std::int64_t e = begin * k; e < end * k; ++e) {
            if (index[e] >= first && index[e] < last) ++count[(index[e] - first) / kBucket];
        }
    });
    std::vector<std::int64_t> start(static_cast<std::size_t>(buckets) + 1, 0);
    std::int64_t running = 0;
    for (std::int64_t b = 0; b < buckets; ++b) {
        start[static_cast<std::size_t>(b)] = running;
        for (std::int64_t c = 0; c < chunks; ++c) {
            running += std::exchange(place[static_cast<std::size_t>(c * buckets + b)], running);
        }
    }
    start.back() = running;
    auto edges = buffer<Edge>(static_cast<std::size_t>(running));
    pool.run_chunks(n, sources, [&](std::int64_t c, std::int64_t begin, std::int64_t end) {
        std::int64_t* next = place.data() + c * buckets;
        for (std::int64_t i = begin; i < end; ++i) {
            for (std::int64_t e = i * k; e < (i + 1) * k; ++e) {
                if (index[e] < first || index[e] >= last) continue;
                const auto target = static_cast<std::int32_t>(index[e] - first);
                edges[static_cast<std::size_t>(next[target / kBucket]++)] = {
                    target, static_cast<std::int32_t>(i), p[e]};
            }
        }
    });
    Incoming in;
    in.first = first;
    in.row.assign(static_cast<std::size_t>(last - first) + 1, running);
    in.source = buffer<std::int32_t>(static_cast<std::size_t>(running));
    in.p = buffer<float>(static_cast<std::size_t>(running));
    pool.run_chunks(
        last - first, kBucket, [&](std::int64_t b, std::int64_t begin, std::int64_t end) {
            const Edge* bucket = edges.get() + start[static_cast<std::size_t>(b)];
            const Edge* bucket_end = edges.get() + start[static_cast<std::size_t>(b) + 1];
            std::int64_t next[kBucket + 1] = {};
            for (const Edge* edge = bucket; edge < bucket_end; ++edge)
                ++next[edge->target - begin + 1];
            next[0] = start[static_cast<std::size_t>(b)];
            std::partial_sum(next, next + (end - begin) + 1, next);
            std::copy_n(next, end - begin, in.row.begin() + begin);
            for (const Edge* edge = bucket; edge < bucket_end; ++edge) {
                const auto to = static_cast<std::size_t>(next[edge->target - begin]++);
                in.source[to] = edge->source;
                in.p[to] = edge->p;
            }
        });
    return in;
}

// Some rows of P + P^T: columns in ascending order, without zeros.
struct Merged {
    std::vector<std::int32_t> column;
    std::vector<float> p;
    std::vector<std::uint64_t> own; // scratch: column and p of the outgoing edges of a row

    void clear() {
        column.clear();
        p.clear();
    }

    void add_row(const Incoming& in, const std::int32_t* index, const float* own_p, std::int64_t k,
                 std::int64_t i) {
        own.clear();
        for (std::int64_t e = i * k; e < (i + 1) * k; ++e) {
            if (index[e] < 0) continue;
            own.push_back(std::uint64_t{static_cast<std::uint32_t>(index[e])} << 32 |
                          std::bit_cast<std::uint32_t>(own_p[e]));
        }
        std::sort(own.begin(), own.end());
        const auto row = static_cast<std::size_t>(i - in.first);
        auto at = static_cast<std::size_t>(in.row[row]);
        const auto end = static_cast<std::size_t>(in.row[row + 1]);
        for (const std::uint64_t edge : own) {
            const auto target = static_cast<std::int32_t>(edge >> 32);
            float value = std::bit_cast<float>(static_cast<std::uint32_t>(edge));
            for (; at < end && in.source[at] < target; ++at) add(in.source[at], in.p[at]);
            if (at < end && in.source[at] == target) value += in.p[at++];
            add(target, value);
        }
        for (; at < end; ++at) add(in.source[at], in.p[at]);
    }

  private:
    void add(std::int32_t to, float value) {
        if (!(value > 0.0F)) return;
        column.push_back(to);
        p.push_back(value);
    }
};

// Copies the values and appends a number of zeros.
template <class T> T* keep(Arena& memory, const std::vector<T>& values, std::size_t n_zeros = 0) {
    T* to = memory.take<T>(values.size() + n_zeros);
    std::fill_n(std::copy(values.begin(), values.end(), to), n_zeros, T{});
    return to;
}

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

    const std::vector<std::uint32_t>& row() const { return row_; }
    const std::vector<Entries<Index>>& entries() const { return entries_; }

  private:
    std::vector<std::uint32_t> row_;
    std::vector<Entries<Index>> entries_;
    int at_ = 0; // position in the last eight entries
};

struct RowParts {
    RowPart<std::uint16_t> near;
    RowPart<std::uint32_t> far;
};

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

} // namespace

float decode(std::uint16_t code) {
    return std::bit_cast<float>((static_cast<std::uint32_t>(code) << kCodeShift) + kCodeBias);
}

Csr symmetrize(Pool& pool, const std::int32_t* index, const float* p, std::int64_t n,
               std::int64_t k) {
    struct MergedChunk {
        const std::int32_t* column;
        const float* p;
        double total;
    };
    Csr out;
    out.row.assign(static_cast<std::size_t>(n) + 1, 0);
    // No memory is in use for the end of the arrays, which is never written.
    out.column = buffer<std::int32_t>(static_cast<std::size_t>(2 * n * k));
    out.p = buffer<float>(static_cast<std::size_t>(2 * n * k));
    std::vector<Merged> scratch(static_cast<std::size_t>(pool.size()));
    Arena memory(kArenaChunk);
    double total = 0;
    // The edges take more memory than P, so the rows are merged in a few parts.
    const std::int64_t part = std::max(kPart, (n / kMostParts + kBucket - 1) / kBucket * kBucket);
    for (std::int64_t first = 0; first < n; first += part) {
        const std::int64_t last = std::min(n, first + part);
        const Incoming in = transpose(pool, index, p, n, k, first, last);
        std::vector<MergedChunk> chunks(
            static_cast<std::size_t>((last - first + kChunk - 1) / kChunk));
        memory.clear();
        pool.run_with_thread(
            static_cast<std::int64_t>(chunks.size()), [&](std::int64_t c, int thread) {
                Merged& merged = scratch[static_cast<std::size_t>(thread)];
                merged.clear();
                const std::int64_t begin = first + c * kChunk;
                for (std::int64_t i = begin; i < std::min(last, begin + kChunk); ++i) {
                    const std::size_t before = merged.p.size();
                    merged.add_row(in, index, p, k, i);
                    out.row[static_cast<std::size_t>(i) + 1] =
                        static_cast<std::int64_t>(merged.p.size() - before);
                }
                chunks[static_cast<std::size_t>(c)] = {
                    keep(memory, merged.column), keep(memory, merged.p),
                    std::accumulate(merged.p.begin(), merged.p.end(), 0.0)};
            });
        std::partial_sum(out.row.begin() + first, out.row.begin() + last + 1,
                         out.row.begin() + first);
        for (const MergedChunk& chunk : chunks) total += chunk.total;
        pool.run_chunks(
            last - first, kChunk, [&](std::int64_t c, std::int64_t begin, std::int64_t end) {
                const MergedChunk& chunk = chunks[static_cast<std::size_t>(c)];
                const std::int64_t to = out.row[static_cast<std::size_t>(first + begin)],
                                   count = out.row[static_cast<std::size_t>(first + end)] - to;
                std::copy_n(chunk.column, count, out.column.get() + to);
                std::copy_n(chunk.p, count, out.p.get() + to);
            });
    }
    const auto scale = static_cast<float>(total > 0 ? 1.0 / total : 0.0);
    pool.run_chunks(out.row.back(), kPart, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
        for (std::int64_t e = begin; e < end; ++e) out.p[static_cast<std::size_t>(e)] *= scale;
    });
    return out;
}

// fill_row(i, add) calls add(column, code) for each entry of row i.
template <class FillRow>
std::vector<Block> PackedGraph::filled(Pool& pool, Arena& memory, const FillRow& fill_row) const {
    std::vector<Block> blocks(static_cast<std::size_t>((n_ + kChunk - 1) / kChunk));
    std::vector<RowParts> scratch(static_cast<std::size_t>(pool.size()));
    const auto n_blocks = static_cast<std::int64_t>(blocks.size());
    pool.run_with_thread(n_blocks, [&](std::int64_t number, int thread) {
        auto& [near, far] = scratch[static_cast<std::size_t>(thread)];
        near.clear();
        far.clear();
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
        blocks[static_cast<std::size_t>(number)] = {begin,
                                                    end,
                                                    base,
                                                    keep(memory, near.row()),
                                                    keep(memory, far.row()),
                                                    keep(memory, near.entries()),
                                                    keep(memory, far.entries(), kFarAhead),
                                                    unit_};
    });
    return blocks;
}

PackedGraph::PackedGraph(Pool& pool, const std::int64_t* row, const std::int32_t* column,
                         const float* p, const std::vector<std::uint32_t>& order)
    : n_(static_cast<std::int64_t>(order.size())),
      unit_(row[n_] > 0 ? *std::max_element(p, p + row[n_]) : 0.0F) {
    const std::size_t expected = kBytesPerEntry * static_cast<std::size_t>(row[n_]);
    const std::size_t chunk = std::clamp(expected, kSmallest, kArenaChunk);
    memory_ = std::make_unique<Arena>(chunk);
    spare_ = std::make_unique<Arena>(chunk);
    const auto rank = ranks(pool, order.data(), n_);
    blocks_ = filled(pool, *memory_, [&](std::int64_t i, const auto& add) {
        const std::size_t own = order[static_cast<std::size_t>(i)];
        for (std::int64_t e = row[own]; e < row[own + 1]; ++e) {
            if (const std::uint16_t code = encode(p[e] / unit_))
                add(rank[static_cast<std::size_t>(column[e])], code);
        }
    });
}

void PackedGraph::renumber(Pool& pool, const std::uint32_t* order) {
    const auto rank = ranks(pool, order, n_);
    spare_->clear();
    blocks_ = filled(pool, *spare_, [&](std::int64_t i, const auto& add) {
        for_row(order[i], [&](std::int64_t column, std::uint16_t code) {
            if (code != 0) add(rank[column], code);
        });
    });
    std::swap(memory_, spare_);
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
