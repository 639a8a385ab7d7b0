#include "search.hpp"

#include <algorithm>
#include <bit>
#include <cmath>
#include <numeric>
#include <span>

namespace meshtsne {

namespace {

constexpr std::int64_t kTaskQueries = 64; // queries of one cell that are searched together

// A query first searches its nearest cell, then the next few cells, then the other cells: the near
// cells give a bound that excludes most points of the other cells. Within each of these three tiers
// the cells are searched one after the other, each for all queries that probe the cell.
constexpr int kNearProbes = 4;

std::uint64_t tier(int probe) {
    return probe == 0 ? 0 : probe < kNearProbes ? 1 : 2;
}

// Distance and index in one number that sorts by distance, then by index. Distances are not
// negative.
std::uint64_t key(float distance, std::int32_t index) {
    return std::uint64_t{std::bit_cast<std::uint32_t>(distance)} << 32 |
           static_cast<std::uint32_t>(index);
}

// The k smallest keys so far, and more keys until the buffer is full.
class Nearest {
  public:
    // The number of keys that the buffer and the scratch memory hold.
    static std::size_t room(int k) { return 3 * static_cast<std::size_t>(k) + 64; }

    Nearest(int k, std::uint64_t* scratch)
        : k_(static_cast<std::size_t>(k)), keys_(room(k)), scratch_(scratch) {}

    void start() {
        count_ = 0;
        bound_ = INFINITY;
    }

    // A distance that is not below the bound cannot be among the k nearest.
    float bound() const { return bound_; }

    void add(float distance, std::int32_t index) {
        keys_[count_++] = key(distance, index);
        if (count_ == keys_.size()) shrink();
    }

    // Keeps the k smallest keys, in no order.
    std::span<std::uint64_t> shrink() {
        if (count_ > k_) {
            select();
            count_ = k_;
            const auto greatest = std::bit_cast<float>(
                static_cast<std::uint32_t>(*std::max_element(&keys_[0], &keys_[0] + k_) >> 32));
            // A point at the same distance may have a lower index.
            bound_ = std::nextafter(greatest, INFINITY);
        }
        return {keys_.data(), count_};
    }

  private:
    // Moves the k smallest keys to the front. A pass copies each key to the end of the lower keys
    // and to the end of the rest, and extends one of the two: std::nth_element branches on each
    // comparison instead, and waits for the many mispredicted branches. No two keys are equal, so
    // one of three keys is below their median, and each pass leaves fewer keys.
    void select() {
        std::uint64_t* from = keys_.data();
        std::size_t n = count_, kept = 0; // keys_[0 .. kept) are the smallest, `from` the others
        while (n > kFewKeys) {
            const std::uint64_t pivot = median(from[0], from[n / 2], from[n - 1]);
            std::uint64_t* const lower = keys_.data() + kept;
            std::size_t n_lower = 0;
            for (std::size_t i = 0; i < n; ++i) {
                const std::uint64_t one = from[i];
                lower[n_lower] = one;
                scratch_[i - n_lower] = one;
                n_lower += static_cast<std::size_t>(one < pivot);
            }
            if (kept + n_lower >= k_) {
                from = lower;
                n = n_lower;
            } else {
                from = scratch_;
                n -= n_lower;
                kept += n_lower;
            }
        }
        std::nth_element(from, from + (k_ - kept), from + n);
        std::copy_n(from, k_ - kept, keys_.data() + kept);
    }

    static std::uint64_t median(std::uint64_t a, std::uint64_t b, std::uint64_t c) {
        return std::max(std::min(a, b), std::min(std::max(a, b), c));
    }

    static constexpr std::size_t kFewKeys = 16;

    std::size_t k_, count_ = 0;
    std::vector<std::uint64_t> keys_;
    std::uint64_t* scratch_;
    float bound_ = INFINITY;
};

} // namespace

CellIndex::CellIndex(Pool& pool, const float* points, std::int64_t n, int dimensions,
                     const std::int32_t* cell_of, std::int32_t n_cells)
    : dimensions_(dimensions), start_(static_cast<std::size_t>(n_cells) + 1, 0),
      block_(start_.size(), 0), order_(static_cast<std::size_t>(n)) {
    for (std::int64_t i = 0; i < n; ++i) ++start_[static_cast<std::size_t>(cell_of[i]) + 1];
    for (std::size_t c = 1; c < start_.size(); ++c) {
        block_[c] = block_[c - 1] + (start_[c] + kTileCandidates - 1) / kTileCandidates;
        start_[c] += start_[c - 1];
    }
    std::vector<std::int64_t> next(start_.begin(), start_.end() - 1);
    for (std::int64_t i = 0; i < n; ++i) {
        order_[static_cast<std::size_t>(next[static_cast<std::size_t>(cell_of[i])]++)] =
            static_cast<std::int32_t>(i);
    }
    const auto width = static_cast<std::size_t>(kTileCandidates * dimensions);
    blocks_ = buffer<float>(static_cast<std::size_t>(block_.back()) * width);
    pool.run(n_cells, [&](std::int64_t cell) {
        const auto c = static_cast<std::size_t>(cell);
        for (std::int64_t b = block_[c]; b < block_[c + 1]; ++b) {
            for (int lane = 0; lane < kTileCandidates; ++lane) {
                const std::int64_t at = start_[c] + (b - block_[c]) * kTileCandidates + lane;
                const bool real = at < start_[c + 1];
                const float* from =
                    real ? points + std::int64_t{order_[static_cast<std::size_t>(at)]} * dimensions_
                         : nullptr;
                float* to = blocks_.get() + static_cast<std::size_t>(b) * width + lane;
                for (int d = 0; d < dimensions_; ++d) {
                    to[kTileCandidates * d] = real ? from[d] : INFINITY;
                }
            }
        }
    });
}

// A group of queries with the same nearest cell, and the cells that each query probes.
class CellIndex::Task {
  public:
    Task(const CellIndex& index, int k, Metric metric)
        : index_(index), k_(k), metric_(static_cast<int>(metric)), scratch_(Nearest::room(k)),
          nearest_(kTaskQueries, Nearest(k, scratch_.data())) {}

    void run(const float* queries, const std::int32_t* cells, int n_probes,
             const std::int64_t* rows, std::int64_t n_rows, std::int32_t* found, float* distance) {
        const auto dimensions = static_cast<std::int64_t>(index_.dimensions_);
        probes_.clear();
        for (std::int64_t q = 0; q < n_rows; ++q) {
            query_[q] = queries + rows[q] * dimensions;
            nearest_[static_cast<std::size_t>(q)].start();
            for (int p = 0; p < n_probes; ++p) {
                const auto cell = static_cast<std::uint32_t>(cells[rows[q] * n_probes + p]);
                probes_.push_back(((tier(p) << 32 | cell) << kQueryBits) |
                                  static_cast<std::uint64_t>(q));
            }
        }
        std::sort(probes_.begin(), probes_.end());
        for (std::size_t at = 0; at < probes_.size();) {
            const std::uint64_t same = probes_[at] >> kQueryBits;
            std::int64_t count = 0;
            for (; at < probes_.size() && probes_[at] >> kQueryBits == same; ++at)
                member_[count++] = static_cast<std::int32_t>(probes_[at] % kTaskQueries);
            compare(static_cast<std::int32_t>(same & 0xFFFFFFFFU), count);
        }
        for (std::int64_t q = 0; q < n_rows; ++q)
            finish(q, found + rows[q] * k_, distance + rows[q] * k_);
    }

  private:
    // Compares the first `count` queries of member_ with all points of the cell.
    void compare(std::int32_t cell, std::int64_t count) {
        const Kernels& run = kernels();
        const auto c = static_cast<std::size_t>(cell);
        const auto width = static_cast<std::size_t>(kTileCandidates * index_.dimensions_);
        float out[kTileQueries * kTileCandidates];
        for (std::int64_t b = index_.block_[c]; b < index_.block_[c + 1]; ++b) {
            const std::int32_t* candidates =
                index_.order_.data() + index_.start_[c] + (b - index_.block_[c]) * kTileCandidates;
            for (std::int64_t first = 0; first < count; first += kTileQueries) {
                const float* tile[kTileQueries];
                float bounds[kTileQueries] = {}; // no distance is below 0
                const std::int64_t here = std::min<std::int64_t>(kTileQueries, count - first);
                for (std::int64_t q = 0; q < kTileQueries; ++q) {
                    const std::int32_t member = member_[first + std::min(q, here - 1)];
                    tile[q] = query_[member];
                    if (q < here) bounds[q] = nearest_[static_cast<std::size_t>(member)].bound();
                }
                auto bits = run.tile_distances[metric_](
                    tile, index_.blocks_.get() + static_cast<std::size_t>(b) * width,
                    index_.dimensions_, bounds, out);
                for (; bits != 0; bits &= bits - 1) {
                    const int pair = std::countr_zero(bits);
                    nearest_[static_cast<std::size_t>(member_[first + pair / kTileCandidates])].add(
                        out[pair], candidates[pair % kTileCandidates]);
                }
            }
        }
    }

    void finish(std::int64_t q, std::int32_t* found, float* distance) {
        const auto keys = nearest_[static_cast<std::size_t>(q)].shrink();
        std::sort(keys.begin(), keys.end());
        for (int j = 0; j < k_; ++j) {
            const bool there = static_cast<std::size_t>(j) < keys.size();
            found[j] =
                there ? static_cast<std::int32_t>(keys[static_cast<std::size_t>(j)] & 0xFFFFFFFFU)
                      : -1;
            distance[j] = there ? std::bit_cast<float>(static_cast<std::uint32_t>(
                                      keys[static_cast<std::size_t>(j)] >> 32))
                                : INFINITY;
        }
    }

    const CellIndex& index_;
    int k_, metric_;
    std::vector<std::uint64_t> scratch_; // of all nearest_, one at a time
    std::vector<Nearest> nearest_;
    static constexpr int kQueryBits = std::bit_width(std::uint64_t{kTaskQueries - 1});
    std::vector<std::uint64_t> probes_; // tier, cell and number of the query in the task
    const float* query_[kTaskQueries] = {};
    std::int32_t member_[kTaskQueries] = {};
};

void CellIndex::search(Pool& pool, const float* queries, const std::int32_t* cells, std::int64_t m,
                       int n_probes, int k, Metric metric, std::int32_t* index,
                       float* distance) const {
    std::vector<std::int64_t> rows(static_cast<std::size_t>(m));
    std::iota(rows.begin(), rows.end(), std::int64_t{0});
    std::stable_sort(rows.begin(), rows.end(), [&](std::int64_t a, std::int64_t b) {
        return cells[a * n_probes] < cells[b * n_probes];
    });
    std::vector<std::int64_t> first; // first query of each task
    for (std::int64_t i = 0; i < m; ++i) {
        const auto cell = [&](std::int64_t at) {
            return cells[rows[static_cast<std::size_t>(at)] * n_probes];
        };
        if (first.empty() || i - first.back() == kTaskQueries || cell(i) != cell(i - 1))
            first.push_back(i);
    }
    const auto n_tasks = static_cast<std::int64_t>(first.size());
    first.push_back(m);
    std::vector<std::unique_ptr<Task>> tasks(static_cast<std::size_t>(pool.size()));
    pool.run_with_thread(n_tasks, [&](std::int64_t t, int thread) {
        auto& task = tasks[static_cast<std::size_t>(thread)];
        if (!task) task = std::make_unique<Task>(*this, k, metric);
        const std::int64_t begin = first[static_cast<std::size_t>(t)];
        task->run(queries, cells, n_probes, rows.data() + begin,
                  first[static_cast<std::size_t>(t) + 1] - begin, index, distance);
    });
}

} // namespace meshtsne
