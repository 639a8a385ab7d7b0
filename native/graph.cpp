#include "graph.hpp"

#include <algorithm>
#include <bit>
#include <numeric>

namespace featscape {

namespace {

// The edges that lead to each point: their sources ascending, and their p.
struct Incoming {
    std::vector<std::int64_t> row;
    Buffer<std::int32_t> source;
    Buffer<float> p;
};

Incoming transpose(Pool& pool, const std::int32_t* index, const float* p, std::int64_t n,
                   std::int64_t k) {
    Incoming in;
    in.row.assign(static_cast<std::size_t>(n) + 1, 0);
    for (std::int64_t e = 0; e < n * k; ++e) {
        if (index[e] >= 0) ++in.row[static_cast<std::size_t>(index[e]) + 1];
    }
    std::partial_sum(in.row.begin(), in.row.end(), in.row.begin());
    in.source = buffer<std::int32_t>(static_cast<std::size_t>(in.row.back()));
    in.p = buffer<float>(static_cast<std::size_t>(in.row.back()));
    std::vector<std::int64_t> next(in.row.begin(), in.row.end() - 1);
    // Each task owns a range of targets and reads all edges in order.
    const std::int64_t tasks = pool.size();
    pool.run(tasks, [&](std::int64_t t) {
        const std::int64_t low = n * t / tasks, high = n * (t + 1) / tasks;
        for (std::int64_t i = 0; i < n; ++i) {
            for (std::int64_t e = i * k; e < (i + 1) * k; ++e) {
                if (index[e] < low || index[e] >= high) continue;
                const std::int64_t to = next[static_cast<std::size_t>(index[e])]++;
                in.source[static_cast<std::size_t>(to)] = static_cast<std::int32_t>(i);
                in.p[static_cast<std::size_t>(to)] = p[e];
            }
        }
    });
    return in;
}

using Edge = std::pair<std::int32_t, float>;

// Row i of P + P^T into `merged`, columns ascending, zeros left out.
void merge_row(const Incoming& in, const std::int32_t* index, const float* p, std::int64_t k,
               std::int64_t i, std::vector<Edge>& own, std::vector<Edge>& merged) {
    own.clear();
    merged.clear();
    for (std::int64_t e = i * k; e < (i + 1) * k; ++e) {
        if (index[e] >= 0) own.emplace_back(index[e], p[e]);
    }
    std::sort(own.begin(), own.end(),
              [](const Edge& a, const Edge& b) { return a.first < b.first; });
    auto at = static_cast<std::size_t>(in.row[static_cast<std::size_t>(i)]);
    const auto end = static_cast<std::size_t>(in.row[static_cast<std::size_t>(i) + 1]);
    const auto add = [&](std::int32_t column, float value) {
        if (value > 0.0F) merged.emplace_back(column, value);
    };
    for (const Edge& edge : own) {
        for (; at < end && in.source[at] < edge.first; ++at) add(in.source[at], in.p[at]);
        const bool both = at < end && in.source[at] == edge.first;
        add(edge.first, both ? edge.second + in.p[at++] : edge.second);
    }
    for (; at < end; ++at) add(in.source[at], in.p[at]);
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

// 0 stands for no entry: less than 2^-31 of the largest p.
std::uint16_t encode(float share) {
    const auto bits = std::bit_cast<std::uint32_t>(share) + (1U << (kCodeShift - 1));
    if (!(share > 0) || bits < kCodeBias + (1U << kCodeShift)) return 0;
    return static_cast<std::uint16_t>((bits - kCodeBias) >> kCodeShift);
}

} // namespace

float decode(std::uint16_t code) {
    return std::bit_cast<float>((static_cast<std::uint32_t>(code) << kCodeShift) + kCodeBias);
}

Csr symmetrize(Pool& pool, const std::int32_t* index, const float* p, std::int64_t n,
               std::int64_t k) {
    const Incoming in = transpose(pool, index, p, n, k);
    Csr out;
    out.row.assign(static_cast<std::size_t>(n) + 1, 0);
    const std::int64_t chunks = (n + kChunk - 1) / kChunk;
    std::vector<double> totals(static_cast<std::size_t>(chunks), 0.0);
    pool.run_chunks(n, kChunk, [&](std::int64_t c, std::int64_t begin, std::int64_t end) {
        std::vector<Edge> own, merged;
        double total = 0;
        for (std::int64_t i = begin; i < end; ++i) {
            merge_row(in, index, p, k, i, own, merged);
            out.row[static_cast<std::size_t>(i) + 1] = static_cast<std::int64_t>(merged.size());
            for (const Edge& edge : merged) total += static_cast<double>(edge.second);
        }
        totals[static_cast<std::size_t>(c)] = total;
    });
    std::partial_sum(out.row.begin(), out.row.end(), out.row.begin());
    const double total = std::accumulate(totals.begin(), totals.end(), 0.0);
    const auto scale = static_cast<float>(total > 0 ? 1.0 / total : 0.0);
    out.column = buffer<std::int32_t>(static_cast<std::size_t>(out.row.back()));
    out.p = buffer<float>(static_cast<std::size_t>(out.row.back()));
    pool.run_chunks(n, kChunk, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
        std::vector<Edge> own, merged;
        for (std::int64_t i = begin; i < end; ++i) {
            merge_row(in, index, p, k, i, own, merged);
            auto to = static_cast<std::size_t>(out.row[static_cast<std::size_t>(i)]);
            for (const Edge& edge : merged) {
                out.column[to] = edge.first;
                out.p[to++] = edge.second * scale;
            }
        }
    });
    return out;
}

std::int64_t PackedGraph::base(std::int64_t number) {
    return std::max<std::int64_t>(0, number * kChunk + kChunk / 2 - 32768);
}

Block PackedGraph::block(std::int64_t number) const {
    const Rows& rows = blocks_[static_cast<std::size_t>(number)];
    const std::int64_t begin = number * kChunk;
    return {begin,
            std::min(n_, begin + kChunk),
            base(number),
            rows.near_row.data(),
            rows.far_row.data(),
            rows.near_column.data(),
            rows.near_p.data(),
            rows.far_column.data(),
            rows.far_p.data(),
            unit_};
}

// fill_row(i, add) calls add(column, code) for each entry of row i.
template <class FillRow> void PackedGraph::fill(Pool& pool, const FillRow& fill_row) {
    pool.run(n_blocks(), [&](std::int64_t number) {
        Rows& rows = blocks_[static_cast<std::size_t>(number)];
        const std::int64_t first = base(number), begin = number * kChunk;
        for (std::int64_t i = begin; i < std::min(n_, begin + kChunk); ++i) {
            fill_row(i, [&](std::int64_t column, std::uint16_t code) {
                if (column >= first && column < first + 65536) {
                    rows.near_column.push_back(static_cast<std::uint16_t>(column - first));
                    rows.near_p.push_back(code);
                } else {
                    rows.far_column.push_back(static_cast<std::uint32_t>(column));
                    rows.far_p.push_back(code);
                }
            });
            for (; rows.near_p.size() % 8 != 0; rows.near_p.push_back(0)) {
                rows.near_column.push_back(static_cast<std::uint16_t>(i - first));
            }
            for (; rows.far_p.size() % 8 != 0; rows.far_p.push_back(0)) {
                rows.far_column.push_back(static_cast<std::uint32_t>(i));
            }
            rows.near_row.push_back(static_cast<std::uint32_t>(rows.near_p.size()));
            rows.far_row.push_back(static_cast<std::uint32_t>(rows.far_p.size()));
        }
    });
}

PackedGraph::PackedGraph(Pool& pool, const std::int64_t* row, const std::int32_t* column,
                         const float* p, std::int64_t n)
    : PackedGraph(n, row[n] > 0 ? *std::max_element(p, p + row[n]) : 0.0F) {
    fill(pool, [&](std::int64_t i, const auto& add) {
        for (std::int64_t e = row[i]; e < row[i + 1]; ++e) {
            if (const std::uint16_t code = encode(p[e] / unit_)) add(column[e], code);
        }
    });
}

PackedGraph PackedGraph::renumbered(Pool& pool, const std::uint32_t* order) const {
    auto rank = buffer<std::uint32_t>(static_cast<std::size_t>(n_));
    pool.run_chunks(n_, kChunk, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) rank[order[i]] = static_cast<std::uint32_t>(i);
    });
    PackedGraph out(n_, unit_);
    out.fill(pool, [&](std::int64_t i, const auto& add) {
        for_row(order[i], [&](std::int64_t column, std::uint16_t code) {
            if (code != 0) add(rank[column], code);
        });
    });
    return out;
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

} // namespace featscape
