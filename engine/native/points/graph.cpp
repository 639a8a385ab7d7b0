#include "points/graph.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
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

// The edges with new numbers of the points: point i is the caller's point order[i].
struct Numbered : Conditional {
    const std::uint32_t* order; // null: the caller's numbers
    const std::uint32_t* rank;  // its inverse

    std::int64_t row(std::int64_t i) const { return k * (order ? order[i] : i); }
    std::int64_t target(std::int64_t e) const {
        return rank && index[e] >= 0 ? rank[index[e]] : index[e];
    }
};

// The incoming edges of the points `first` .. `last`, by a radix sort by target: first into
// buckets, then within each bucket, which fits into the cache. Scattering all edges in one pass
// would miss the cache for every edge.
Incoming transpose(Pool& pool, const Numbered& edges, std::int64_t first, std::int64_t last) {
    const std::int64_t n = edges.n, k = edges.k;
    const std::int64_t buckets = (last - first + kBucket - 1) / kBucket;
    const std::int64_t sources = std::max(kBucket, (n + kMostChunks - 1) / kMostChunks);
    const std::int64_t chunks = (n + sources - 1) / sources;
    // place[c * buckets + b]: the position of the next edge from chunk c in bucket b.
    std::vector<std::int64_t> place(static_cast<std::size_t>(chunks * buckets), 0);
    pool.run_chunks(n, sources, [&](std::int64_t c, std::int64_t begin, std::int64_t end) {
        std::int64_t* count = place.data() + c * buckets;
        for (std::int64_t i = begin; i < end; ++i) {
            for (std::int64_t e = edges.row(i), stop = e + k; e < stop; ++e) {
                const std::int64_t target = edges.target(e);
                if (target >= first && target < last) ++count[(target - first) / kBucket];
            }
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
    auto sorted = buffer<Edge>(static_cast<std::size_t>(running));
    pool.run_chunks(n, sources, [&](std::int64_t c, std::int64_t begin, std::int64_t end) {
        std::int64_t* next = place.data() + c * buckets;
        for (std::int64_t i = begin; i < end; ++i) {
            for (std::int64_t e = edges.row(i), stop = e + k; e < stop; ++e) {
                const std::int64_t target = edges.target(e);
                if (target < first || target >= last) continue;
                const auto to = static_cast<std::int32_t>(target - first);
                sorted[static_cast<std::size_t>(next[to / kBucket]++)] = {
                    to, static_cast<std::int32_t>(i), edges.p[e]};
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
            const Edge* bucket = sorted.get() + start[static_cast<std::size_t>(b)];
            const Edge* bucket_end = sorted.get() + start[static_cast<std::size_t>(b) + 1];
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

    void add_row(const Incoming& in, const Numbered& edges, std::int64_t i) {
        own.clear();
        for (std::int64_t e = edges.row(i), stop = e + edges.k; e < stop; ++e) {
            const std::int64_t target = edges.target(e);
            if (target < 0) continue;
            own.push_back(std::uint64_t{static_cast<std::uint32_t>(target)} << 32 |
                          std::bit_cast<std::uint32_t>(edges.p[e]));
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

// 1 / sum of P before the normalization: the sum of p_j|i + p_i|j.
float normalization(Pool& pool, const Conditional& edges) {
    std::vector<double> sums(static_cast<std::size_t>((edges.n + kChunk - 1) / kChunk));
    pool.run_chunks(edges.n, kChunk, [&](std::int64_t c, std::int64_t begin, std::int64_t end) {
        double sum = 0;
        for (std::int64_t e = begin * edges.k; e < end * edges.k; ++e) {
            if (edges.index[e] >= 0 && edges.p[e] > 0) sum += static_cast<double>(edges.p[e]);
        }
        sums[static_cast<std::size_t>(c)] = sum;
    });
    const double total = 2 * std::accumulate(sums.begin(), sums.end(), 0.0);
    return static_cast<float>(total > 0 ? 1.0 / total : 0.0);
}

// The unit of the codes for n points. A row of p_j|i has the sum 1, so no p is above 1 / n, unless
// the caller gave P. A power of two keeps the mantissa of p.
float unit_above(std::int64_t n, float largest) {
    return std::exp2(std::ceil(std::log2(std::max(largest, 1.0F / static_cast<float>(n)))));
}

// Calls visit(incoming edges, first, last) for a few ranges of rows: the edges sorted by target
// take more memory than P.
template <class Visit> void for_parts(Pool& pool, const Numbered& edges, const Visit& visit) {
    const std::int64_t n = edges.n;
    const std::int64_t part = std::max(kPart, (n / kMostParts + kBucket - 1) / kBucket * kBucket);
    for (std::int64_t first = 0; first < n; first += part) {
        const std::int64_t last = std::min(n, first + part);
        visit(transpose(pool, edges, first, last), first, last);
    }
}

} // namespace

float decode(std::uint16_t code) {
    return std::bit_cast<float>((static_cast<std::uint32_t>(code) << kCodeShift) + kCodeBias);
}

Csr symmetrize(Pool& pool, const Conditional& conditional) {
    struct MergedChunk {
        const std::int32_t* column;
        const float* p;
    };
    const std::int64_t n = conditional.n;
    const Numbered edges{conditional, nullptr, nullptr};
    const float scale = normalization(pool, conditional);
    Csr out;
    out.row.assign(static_cast<std::size_t>(n) + 1, 0);
    // No memory is in use for the end of the arrays, which is never written.
    out.column = buffer<std::int32_t>(static_cast<std::size_t>(2 * n * edges.k));
    out.p = buffer<float>(static_cast<std::size_t>(2 * n * edges.k));
    std::vector<Merged> scratch(static_cast<std::size_t>(pool.size()));
    Arena memory(kArenaChunk);
    for_parts(pool, edges, [&](const Incoming& in, std::int64_t first, std::int64_t last) {
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
                    merged.add_row(in, edges, i);
                    out.row[static_cast<std::size_t>(i) + 1] =
                        static_cast<std::int64_t>(merged.p.size() - before);
                }
                chunks[static_cast<std::size_t>(c)] = {keep(memory, merged.column),
                                                       keep(memory, merged.p)};
            });
        std::partial_sum(out.row.begin() + first, out.row.begin() + last + 1,
                         out.row.begin() + first);
        pool.run_chunks(
            last - first, kChunk, [&](std::int64_t c, std::int64_t begin, std::int64_t end) {
                const MergedChunk& chunk = chunks[static_cast<std::size_t>(c)];
                const std::int64_t to = out.row[static_cast<std::size_t>(first + begin)],
                                   count = out.row[static_cast<std::size_t>(first + end)] - to;
                std::copy_n(chunk.column, count, out.column.get() + to);
                std::transform(chunk.p, chunk.p + count, out.p.get() + to,
                               [scale](float p) { return p * scale; });
            });
    });
    return out;
}

template <class FillRow>
void PackedGraph::fill(Pool& pool, std::int64_t first, std::int64_t last, const FillRow& fill_row) {
    std::vector<RowParts> scratch(static_cast<std::size_t>(pool.size()));
    const std::int64_t first_block = first / kChunk, end_block = (last + kChunk - 1) / kChunk;
    pool.run_with_thread(end_block - first_block, [&](std::int64_t task, int thread) {
        auto& [near, far] = scratch[static_cast<std::size_t>(thread)];
        near.clear();
        far.clear();
        const std::int64_t number = first_block + task;
        const std::int64_t begin = number * kChunk, end = std::min(n_, begin + kChunk);
        const std::int64_t base = std::max<std::int64_t>(0, begin + kChunk / 2 - 32768);
        for (std::int64_t i = begin; i < end; ++i) {
            fill_row(i, thread, [&](std::int64_t column, std::uint16_t code) {
                if (column >= base && column < base + 65536) {
                    near.add(static_cast<std::uint16_t>(column - base), code);
                } else {
                    far.add(static_cast<std::uint32_t>(column), code);
                }
            });
            near.end_row(static_cast<std::uint16_t>(i - base));
            far.end_row(static_cast<std::uint32_t>(i));
        }
        blocks_[static_cast<std::size_t>(number)] = {begin,
                                                     end,
                                                     base,
                                                     keep(*memory_, near.row()),
                                                     keep(*memory_, far.row()),
                                                     keep(*memory_, near.entries()),
                                                     keep(*memory_, far.entries(), kFarAhead),
                                                     unit_};
    });
}

void PackedGraph::allocate(std::int64_t n_entries) {
    const std::size_t expected = kBytesPerEntry * static_cast<std::size_t>(n_entries);
    const std::size_t chunk = std::clamp(expected, kSmallest, kArenaChunk);
    memory_ = std::make_unique<Arena>(chunk);
    spare_ = std::make_unique<Arena>(chunk);
    blocks_.resize(static_cast<std::size_t>((n_ + kChunk - 1) / kChunk));
}

PackedGraph::PackedGraph(Pool& pool, const std::int64_t* row, const std::int32_t* column,
                         const float* p, const std::vector<std::uint32_t>& order)
    : n_(static_cast<std::int64_t>(order.size())),
      unit_(unit_above(n_, row[n_] > 0 ? *std::max_element(p, p + row[n_]) : 0.0F)) {
    allocate(row[n_]);
    const auto rank = ranks(pool, order.data(), n_);
    // Ascending columns, as from the conditional probabilities: the bits of a sum depend on them.
    std::vector<std::vector<std::pair<std::uint32_t, std::uint16_t>>> scratch(
        static_cast<std::size_t>(pool.size()));
    fill(pool, 0, n_, [&](std::int64_t i, int thread, const auto& add) {
        auto& entries = scratch[static_cast<std::size_t>(thread)];
        entries.clear();
        const std::size_t own = order[static_cast<std::size_t>(i)];
        for (std::int64_t e = row[own]; e < row[own + 1]; ++e) {
            if (const std::uint16_t code = encode(p[e] / unit_))
                entries.emplace_back(rank[static_cast<std::size_t>(column[e])], code);
        }
        std::sort(entries.begin(), entries.end());
        for (const auto& [to, code] : entries) add(to, code);
    });
}

PackedGraph::PackedGraph(Pool& pool, const Conditional& conditional,
                         const std::vector<std::uint32_t>& order)
    : n_(conditional.n) {
    const float scale = normalization(pool, conditional);
    // Twice the largest p_j|i is a bound of the largest sum p_j|i + p_i|j.
    const float* p_end = conditional.p + n_ * conditional.k;
    unit_ = unit_above(n_, conditional.k > 0 ? 2 * scale * *std::max_element(conditional.p, p_end)
                                             : 0.0F);
    allocate(n_ * conditional.k);
    const auto rank = ranks(pool, order.data(), n_);
    const Numbered edges{conditional, order.data(), rank.get()};
    std::vector<Merged> scratch(static_cast<std::size_t>(pool.size()));
    for_parts(pool, edges, [&](const Incoming& in, std::int64_t first, std::int64_t last) {
        fill(pool, first, last, [&](std::int64_t i, int thread, const auto& add) {
            Merged& merged = scratch[static_cast<std::size_t>(thread)];
            merged.clear();
            merged.add_row(in, edges, i);
            for (std::size_t e = 0; e < merged.p.size(); ++e) {
                if (const std::uint16_t code = encode(merged.p[e] * scale / unit_))
                    add(merged.column[e], code);
            }
        });
    });
}

void PackedGraph::renumber(Pool& pool, const std::uint32_t* order) {
    const auto rank = ranks(pool, order, n_);
    const std::vector<Block> before = blocks_;
    std::swap(memory_, spare_);
    memory_->clear();
    fill(pool, 0, n_, [&](std::int64_t i, int, const auto& add) {
        for_row(before, order[i], [&](std::int64_t column, std::uint16_t code) {
            if (code != 0) add(rank[column], code);
        });
    });
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
