// The candidates for the nearest neighbors of a point, and bounds of their distances, for the
// search in a k-d tree.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "kernels/kernels.hpp"

namespace meshtsne {

constexpr std::int64_t kMostRanked = 256; // candidates that are sorted by their ranks
constexpr std::int32_t kAnyIndex = std::numeric_limits<std::int32_t>::max();
constexpr double kNoBound = 1e150; // beyond all distances of float positions; its square is finite

// A point at a distance from the query. Points at the same distance are ordered by index.
struct Candidate {
    double squared;
    std::int32_t index;

    bool operator<(const Candidate& other) const {
        return squared < other.squared || (squared == other.squared && index < other.index);
    }
};

// The k first candidates so far, and more candidates.
class Nearest {
  public:
    explicit Nearest(std::int64_t k)
        : k_(k), found_(static_cast<std::size_t>(k + kMostLeaves * kLeaf + 1)),
          sorted_(static_cast<std::size_t>(kMostRanked)) {}

    void start() {
        count_ = 0;
        last_ = {kNoBound * kNoBound, kAnyIndex};
    }

    // At least k candidates are within the squared distance.
    void limit(double squared) {
        if (squared < last_.squared) last_ = {squared, kAnyIndex};
    }

    // Candidates that are not before this candidate are not among the k first.
    const Candidate& last() const { return last_; }

    // Adds a candidate, or nothing, without a branch.
    void add_if(bool is_added, const Candidate& candidate) {
        found_[static_cast<std::size_t>(count_)] = candidate;
        count_ += static_cast<int>(is_added);
    }

    // Keeps the k first candidates.
    void shrink() {
        if (count_ < k_) return;
        std::nth_element(found_.data(), found_.data() + k_ - 1, found_.data() + count_);
        count_ = k_;
        last_ = found_[static_cast<std::size_t>(k_ - 1)];
    }

    // The k first candidates, sorted. Few candidates are moved to their ranks in float precision
    // and then sorted by insertion, which seldom moves a candidate: the branches of std::sort are
    // unpredictable.
    const Candidate* sorted() {
        if (count_ > kMostRanked) shrink();
        if (count_ > kMostRanked) {
            std::sort(found_.data(), found_.data() + count_);
            return found_.data();
        }
        float keys[kMostRanked];
        std::int32_t ranks[kMostRanked];
        std::int64_t n = 0;
        for (; n < count_; ++n) keys[n] = static_cast<float>(found_[n].squared);
        for (; n % 8 != 0; ++n) keys[n] = INFINITY;
        kernels().rank(keys, n, ranks);
        for (std::int64_t i = 0; i < count_; ++i) sorted_[ranks[i]] = found_[i];
        for (std::int64_t i = 1; i < count_; ++i) {
            const Candidate candidate = sorted_[i];
            std::int64_t at = i;
            for (; at > 0 && candidate < sorted_[at - 1]; --at) sorted_[at] = sorted_[at - 1];
            sorted_[at] = candidate;
        }
        return sorted_.data();
    }

  private:
    std::int64_t k_, count_ = 0;
    std::vector<Candidate> found_, sorted_;
    Candidate last_{};
};

// A number that no squared distance in float precision exceeds if the distance in double precision
// is within the bound.
inline float float_bound(double squared) {
    return squared < 1e38 ? static_cast<float>(squared) * (1 + 1e-6F) + 1e-37F : INFINITY;
}

// The last queries and the distances of their k-th neighbors. The next query is near to some of
// these queries, and their balls bound the distance of its own k-th neighbor.
template <std::size_t D> class LastBalls {
  public:
    LastBalls() { std::fill_n(radius_, kLeaf, kNoBound); }

    void add(const float (&at)[D], double radius) {
        for (std::size_t d = 0; d < D; ++d) axes_[d][oldest_] = static_cast<double>(at[d]);
        radius_[oldest_] = radius;
        oldest_ = (oldest_ + 1) % kLeaf;
    }

    // A squared distance within which a query has at least k other points: a ball and its center
    // are k + 1 points.
    double bound(const float (&at)[D]) const {
        double least = kNoBound;
        for (std::int64_t ball = 0; ball < kLeaf; ++ball) {
            double squared = 0;
            for (std::size_t d = 0; d < D; ++d) {
                const double difference = static_cast<double>(at[d]) - axes_[d][ball];
                squared += difference * difference;
            }
            least = std::min(least, std::sqrt(squared) + radius_[ball]);
        }
        return least * least * (1 + 1e-9); // rounding
    }

  private:
    double axes_[D][kLeaf] = {}, radius_[kLeaf];
    std::int64_t oldest_ = 0;
};

} // namespace meshtsne
