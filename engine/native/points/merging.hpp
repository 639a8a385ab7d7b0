// The rows of P + P^T from the edges to the neighbors of each point.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>
#include <iterator>
#include <numeric>
#include <span>
#include <utility>
#include <vector>

#include "memory.hpp"
#include "points/conditional.hpp"
#include "points/graph.hpp"
#include "pool.hpp"

namespace meshtsne {

constexpr std::int64_t kPart = 1 << 17;   // points whose rows are merged together
constexpr std::int64_t kMostParts = 16;   // each part reads the edges of the rows that it needs
constexpr std::int64_t kMostChunks = 256; // chunks of sources, each with a position in every bucket

struct Edge {
    std::int32_t target, source; // the target is relative to the first point of its chunk
    float p;
};

// The edges with new numbers of the points: point i is the caller's point order[i].
struct Numbered : Conditional {
    const std::uint32_t* order; // null: the caller's numbers
    const std::uint32_t* rank;  // its inverse

    std::int64_t point(std::int64_t i) const { return order != nullptr ? order[i] : i; }
    std::int64_t first_edge(std::int64_t i) const { return k * point(i); }
    std::int64_t target(std::int64_t e) const {
        const std::int64_t to = index[e];
        return rank != nullptr && to >= 0 ? std::int64_t{rank[to]} : to;
    }
};

// The incoming edges of all points, by a radix sort by target: here into buckets of kChunk points,
// then in Merged within each bucket, which fits into the cache. The sorted edges take more memory
// than P, so there are a few parts, and the edges of one part are sorted at a time.
class Transposition {
  public:
    Transposition(Pool& pool, const Numbered& edges)
        : edges_(edges), buckets_((edges.n + kChunk - 1) / kChunk),
          part_(std::max(kPart, (edges.n / kMostParts + kChunk - 1) / kChunk * kChunk)),
          sources_(std::max(kLeastSources, (edges.n + kMostChunks - 1) / kMostChunks)),
          parts_of_(static_cast<std::size_t>(edges.n)),
          start_(static_cast<std::size_t>(buckets_) + 1, 0) {
        const std::int64_t chunks = (edges.n + sources_ - 1) / sources_;
        place_.assign(static_cast<std::size_t>(chunks * buckets_), 0);
        pool.run_chunks(edges.n, sources_,
                        [this](std::int64_t c, std::int64_t begin, std::int64_t end) {
                            count(place_.data() + c * buckets_, begin, end);
                        });
        std::int64_t running = 0, most = 0;
        for (std::int64_t b = 0; b < buckets_; ++b) {
            start_[static_cast<std::size_t>(b)] = running;
            for (std::int64_t c = 0; c < chunks; ++c) {
                running +=
                    std::exchange(place_[static_cast<std::size_t>(c * buckets_ + b)], running);
            }
            start_[static_cast<std::size_t>(b) + 1] = running;
            most = std::max(most, running - start_of_part(b));
        }
        sorted_ = buffer<Edge>(static_cast<std::size_t>(most));
    }

    // Calls visit(first, last) for each part, the points first .. last, with its edges.
    template <class Visit> void for_parts(Pool& pool, const Visit& visit) {
        for (std::int64_t first = 0; first < edges_.n; first += part_) {
            const std::int64_t last = std::min(edges_.n, first + part_);
            pool.run_chunks(edges_.n, sources_,
                            [&](std::int64_t c, std::int64_t begin, std::int64_t end) {
                                scatter(first, last, place_.data() + c * buckets_, begin, end);
                            });
            visit(first, last);
        }
    }

    // The edges to the points of a bucket of the current part, sources in ascending order.
    std::span<const Edge> bucket(std::int64_t b) const {
        const Edge* first =
            sorted_.get() + (start_[static_cast<std::size_t>(b)] - start_of_part(b));
        const Edge* last =
            sorted_.get() + (start_[static_cast<std::size_t>(b) + 1] - start_of_part(b));
        return {first, last};
    }

  private:
    static constexpr std::int64_t kLeastSources = 4096;

    // The number of edges before the part of a bucket.
    std::int64_t start_of_part(std::int64_t b) const {
        return start_[static_cast<std::size_t>(b * kChunk / part_ * part_ / kChunk)];
    }

    void count(std::int64_t* edges_to, std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            std::uint32_t parts = 0;
            for (std::int64_t e = edges_.first_edge(i), stop = e + edges_.k; e < stop; ++e) {
                const std::int64_t target = edges_.target(e);
                if (target < 0) continue;
                ++edges_to[target / kChunk];
                parts |= 1U << (target / part_);
            }
            parts_of_[static_cast<std::size_t>(i)] = parts;
        }
    }

    void scatter(std::int64_t first, std::int64_t last, std::int64_t* next, std::int64_t begin,
                 std::int64_t end) {
        const std::uint32_t part = 1U << (first / part_);
        const std::int64_t start = start_of_part(first / kChunk);
        ConditionalRow scratch;
        for (std::int64_t i = begin; i < end; ++i) {
            if ((parts_of_[static_cast<std::size_t>(i)] & part) == 0) continue;
            const float* p = edges_.row(edges_.point(i), scratch);
            for (std::int64_t j = 0; j < edges_.k; ++j) {
                const std::int64_t target = edges_.target(edges_.first_edge(i) + j);
                if (target < first || target >= last) continue;
                sorted_[static_cast<std::size_t>(next[target / kChunk]++ - start)] = {
                    static_cast<std::int32_t>(target % kChunk), static_cast<std::int32_t>(i), p[j]};
            }
        }
    }

    const Numbered& edges_;
    std::int64_t buckets_, part_, sources_;
    std::vector<std::uint32_t> parts_of_; // bit p is set if the row has an edge to part p
    // place_[c * buckets_ + b]: the position of the next edge from chunk c in bucket b.
    std::vector<std::int64_t> place_;
    std::vector<std::int64_t> start_; // the position of the first edge of each bucket
    Buffer<Edge> sorted_;             // the edges of the current part
};

// Some rows of P + P^T: columns in ascending order, without zeros.
struct Merged {
    std::vector<std::int32_t> column;
    std::vector<float> p;

    void clear() {
        column.clear();
        p.clear();
    }

    // Sorts the incoming edges of the points of one bucket, for add_row.
    void sort(std::span<const Edge> bucket) {
        std::fill(std::begin(row_), std::end(row_), 0);
        for (const Edge& edge : bucket) ++row_[edge.target + 1];
        std::partial_sum(std::begin(row_), std::end(row_), std::begin(row_));
        in_.resize(bucket.size());
        for (const Edge& edge : bucket)
            in_[static_cast<std::size_t>(row_[edge.target]++)] = {edge.source, edge.p};
        // row_[r] is now the end of row r.
    }

    void add_row(const Numbered& edges, std::int64_t i) {
        own_.clear();
        const float* own_p = edges.row(edges.point(i), scratch_);
        for (std::int64_t j = 0; j < edges.k; ++j) {
            const std::int64_t target = edges.target(edges.first_edge(i) + j);
            if (target < 0) continue;
            own_.push_back(std::uint64_t{static_cast<std::uint32_t>(target)} << 32 |
                           std::bit_cast<std::uint32_t>(own_p[j]));
        }
        std::sort(own_.begin(), own_.end());
        const auto r = static_cast<std::size_t>(i % kChunk);
        const Incoming* at = in_.data() + (r > 0 ? row_[r - 1] : 0);
        const Incoming* end = in_.data() + row_[r];
        for (const std::uint64_t edge : own_) {
            const auto target = static_cast<std::int32_t>(edge >> 32);
            float value = std::bit_cast<float>(static_cast<std::uint32_t>(edge));
            for (; at < end && at->source < target; ++at) add(at->source, at->p);
            if (at < end && at->source == target) value += (at++)->p;
            add(target, value);
        }
        for (; at < end; ++at) add(at->source, at->p);
    }

  private:
    struct Incoming {
        std::int32_t source;
        float p;
    };

    void add(std::int32_t to, float value) {
        if (!(value > 0.0F)) return;
        column.push_back(to);
        p.push_back(value);
    }

    std::int64_t row_[kChunk + 1] = {};
    std::vector<Incoming> in_;
    std::vector<std::uint64_t> own_; // column and p of the outgoing edges of a row
    ConditionalRow scratch_;
};

} // namespace meshtsne
