#include "tree.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <utility>
#include <vector>

#include "memory.hpp"

namespace meshtsne {

namespace {

constexpr std::int64_t kLeaf = 16;          // points in a leaf; only the last leaf may have fewer
constexpr std::int64_t kTaskLeaves = 32;    // leaves whose points are searched in one task
constexpr std::size_t kSubtrees = 64;       // subtrees that are built in parallel
constexpr std::int32_t kMostInInterval = 8; // candidates that are sorted by insertion
constexpr double kNoBound = 1e150; // beyond all distances of float positions; its square is finite

// A point at a distance from the query. Points at the same distance are ordered by index.
struct Candidate {
    double squared;
    std::int32_t index;

    bool operator<(const Candidate& other) const {
        return squared < other.squared || (squared == other.squared && index < other.index);
    }
};

// The k first candidates so far, and more candidates until the buffer is full.
class Nearest {
  public:
    explicit Nearest(std::int64_t k) : k_(k), room_(3 * k + kLeaf) {
        found_.resize(static_cast<std::size_t>(room_ + kLeaf));
        sorted_.resize(found_.size());
        place_.resize(found_.size());
    }

    // At least k candidates are within the squared distance.
    void start(double squared) {
        count_ = 0;
        last_ = {squared, std::numeric_limits<std::int32_t>::max()};
    }

    // Candidates that are not before this candidate are not among the k first.
    const Candidate& last() const { return last_; }

    // Adds the points of a leaf that are not beyond `last`, without the point `own`.
    void add(const double* squared, const std::int32_t* index, std::int32_t own) {
        Candidate* found = found_.data();
        std::int64_t count = count_;
        for (std::int64_t lane = 0; lane < kLeaf; ++lane) { // without a branch
            found[count] = {squared[lane], index[lane]};
            count += static_cast<int>(squared[lane] <= last_.squared) &
                     static_cast<int>(index[lane] != own);
        }
        count_ = count;
        if (count >= room_) shrink();
    }

    // The k first candidates, sorted. The squared distances from a point in a plane are spread
    // evenly, so each of as many intervals contains few candidates. With std::nth_element and
    // std::sort, whose branches are unpredictable, the whole search takes half as long again.
    const Candidate* sorted() {
        double greatest = 0;
        for (std::int64_t i = 0; i < count_; ++i) greatest = std::max(greatest, found_[i].squared);
        const double scale = greatest > 0 ? static_cast<double>(count_ - 1) / greatest : 0;
        const auto interval = [&](const Candidate& candidate) {
            return static_cast<std::size_t>(candidate.squared * scale);
        };
        std::fill_n(place_.begin(), count_, 0);
        for (std::int64_t i = 0; i < count_; ++i) ++place_[interval(found_[i])];
        std::int32_t running = 0, most = 0;
        for (std::int64_t i = 0; i < count_; ++i) {
            most = std::max(most, place_[i]);
            running += std::exchange(place_[i], running);
        }
        for (std::int64_t i = 0; i < count_; ++i)
            sorted_[place_[interval(found_[i])]++] = found_[i];
        if (most > kMostInInterval) {
            std::sort(sorted_.begin(), sorted_.begin() + count_);
        } else { // by insertion, each within its interval
            for (std::int64_t i = 1; i < count_; ++i) {
                const Candidate candidate = sorted_[i];
                std::int64_t at = i;
                for (; at > 0 && candidate < sorted_[at - 1]; --at) sorted_[at] = sorted_[at - 1];
                sorted_[at] = candidate;
            }
        }
        return sorted_.data();
    }

  private:
    void shrink() {
        if (count_ <= k_) return;
        std::nth_element(found_.data(), found_.data() + k_ - 1, found_.data() + count_);
        count_ = k_;
        last_ = found_[static_cast<std::size_t>(k_ - 1)];
    }

    std::int64_t k_, room_, count_ = 0;
    std::vector<Candidate> found_, sorted_;
    std::vector<std::int32_t> place_; // of the next candidate in each interval
    Candidate last_{};
};

// The last queries and the distances of their k-th neighbors. The next query is near to some of
// these queries, and their balls bound the distance of its own k-th neighbor.
template <std::size_t D> class LastBalls {
  public:
    LastBalls() { std::fill_n(radius_, kLeaf, kNoBound); }

    void add(const double (&at)[D], double radius) {
        for (std::size_t d = 0; d < D; ++d) axes_[d][oldest_] = at[d];
        radius_[oldest_] = radius;
        oldest_ = (oldest_ + 1) % kLeaf;
    }

    // A squared distance within which a query has at least k other points: a ball and its center
    // are k + 1 points.
    double bound(const double (&at)[D]) const {
        double least = kNoBound;
        for (std::int64_t ball = 0; ball < kLeaf; ++ball) {
            double squared = 0;
            for (std::size_t d = 0; d < D; ++d) {
                const double difference = at[d] - axes_[d][ball];
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

template <std::size_t D> class Tree {
  public:
    Tree(Pool& pool, const float* points, std::int64_t n)
        : n_(n), leaves_((n + kLeaf - 1) / kLeaf),
          points_(buffer<Point>(static_cast<std::size_t>(n))),
          boxes_(buffer<Box>(static_cast<std::size_t>(2 * leaves_ - 1))),
          order_(buffer<std::int32_t>(static_cast<std::size_t>(kLeaf * leaves_))) {
        for (std::int64_t i = 0; i < n; ++i) {
            std::copy_n(points + static_cast<std::int64_t>(D) * i, D, points_[i].at);
            points_[i].index = static_cast<std::int32_t>(i);
        }
        build(pool);
        for (auto& axis : axes_) axis = buffer<float>(static_cast<std::size_t>(kLeaf * leaves_));
        pool.run_chunks(kLeaf * leaves_, kLeaf * kTaskLeaves,
                        [this](std::int64_t, std::int64_t begin, std::int64_t end) {
                            for (std::int64_t i = begin; i < end; ++i) {
                                for (std::size_t d = 0; d < D; ++d)
                                    axes_[d][i] = i < n_ ? points_[i].at[d] : INFINITY;
                                order_[i] = i < n_ ? points_[i].index : -1;
                            }
                        });
    }

    void search(Pool& pool, int k, std::int32_t* index, float* distance) const {
        std::vector<Nearest> nearest(static_cast<std::size_t>(pool.size()), Nearest(k));
        pool.run_with_thread(
            (leaves_ + kTaskLeaves - 1) / kTaskLeaves, [&](std::int64_t task, int thread) {
                Nearest& own = nearest[static_cast<std::size_t>(thread)];
                LastBalls<D> balls;
                const std::int64_t end = std::min(n_, (task + 1) * kTaskLeaves * kLeaf);
                for (std::int64_t i = task * kTaskLeaves * kLeaf; i < end; ++i) {
                    const Query query(*this, i);
                    own.start(balls.bound(query.at));
                    search_from(query, {0, 0, leaves_}, own);
                    const Candidate* found = own.sorted();
                    balls.add(query.at, std::sqrt(found[k - 1].squared));
                    const std::int64_t row = std::int64_t{k} * query.index;
                    for (int j = 0; j < k; ++j) {
                        index[row + j] = found[j].index;
                        distance[row + j] = static_cast<float>(std::sqrt(found[j].squared));
                    }
                }
            });
    }

  private:
    struct Point {
        float at[D];
        std::int32_t index;
    };

    // The extent of the points of a node, and the least of their indices.
    struct Box {
        float low[D], high[D];
        std::int32_t least;
    };

    // A node and its leaves. The nodes are numbered in depth-first order, so the left child follows
    // its parent, and the right child follows the 2 m - 1 nodes of the m leaves of the left child.
    struct Node {
        std::int64_t number, first, last;

        bool is_leaf() const { return last - first == 1; }
        std::int64_t middle() const { return first + (last - first) / 2; }
        Node left() const { return {number + 1, first, middle()}; }
        Node right() const { return {number + 2 * (middle() - first), middle(), last}; }
    };

    struct Query {
        Query(const Tree& tree, std::int64_t place)
            : leaf(place / kLeaf), index(tree.points_[place].index) {
            for (std::size_t d = 0; d < D; ++d)
                at[d] = static_cast<double>(tree.points_[place].at[d]);
        }

        double at[D];
        std::int64_t leaf;
        std::int32_t index;
    };

    // Divides the nodes near the root one level after the other, then each subtree in a task.
    void build(Pool& pool) {
        std::vector<Node> level{{0, 0, leaves_}};
        while (!level.empty() && level.size() < kSubtrees) {
            pool.run(static_cast<std::int64_t>(level.size()),
                     [&](std::int64_t i) { divide(level[static_cast<std::size_t>(i)]); });
            std::vector<Node> next;
            for (const Node& node : level) {
                if (!node.is_leaf()) next.insert(next.end(), {node.left(), node.right()});
            }
            level.swap(next);
        }
        pool.run(static_cast<std::int64_t>(level.size()),
                 [&](std::int64_t i) { build_subtree(level[static_cast<std::size_t>(i)]); });
    }

    void build_subtree(const Node& node) {
        divide(node);
        if (node.is_leaf()) return;
        build_subtree(node.left());
        build_subtree(node.right());
    }

    // Measures the box of a node, and moves the points of its children to the two parts of its
    // range. Points at the same place are divided by index: the search relies on `least`.
    void divide(const Node& node) {
        Point* const begin = points_.get() + kLeaf * node.first;
        Point* const end = points_.get() + std::min(n_, kLeaf * node.last);
        Box& box = boxes_[node.number];
        std::copy_n(begin->at, D, box.low);
        std::copy_n(begin->at, D, box.high);
        box.least = begin->index;
        for (const Point* point = begin; point < end; ++point) {
            for (std::size_t d = 0; d < D; ++d) {
                box.low[d] = std::min(box.low[d], point->at[d]);
                box.high[d] = std::max(box.high[d], point->at[d]);
            }
            box.least = std::min(box.least, point->index);
        }
        if (node.is_leaf()) return;
        std::size_t axis = 0;
        const auto extent = [&](std::size_t d) {
            return static_cast<double>(box.high[d]) - static_cast<double>(box.low[d]);
        };
        for (std::size_t d = 1; d < D; ++d) {
            if (extent(d) > extent(axis)) axis = d;
        }
        std::nth_element(begin, points_.get() + kLeaf * node.middle(), end,
                         [axis](const Point& a, const Point& b) {
                             return a.at[axis] < b.at[axis] ||
                                    (a.at[axis] == b.at[axis] && a.index < b.index);
                         });
    }

    // The first candidate that the box of a node may contain.
    Candidate first_of(const Query& query, const Node& node) const {
        const Box& box = boxes_[node.number];
        double squared = 0;
        for (std::size_t d = 0; d < D; ++d) {
            const double outside = std::max({static_cast<double>(box.low[d]) - query.at[d], 0.0,
                                             query.at[d] - static_cast<double>(box.high[d])});
            squared += outside * outside;
        }
        return {squared, box.least};
    }

    // Searches a node that contains the query, the leaf of the query first.
    void search_from(const Query& query, const Node& node, Nearest& nearest) const {
        if (node.is_leaf()) return search_leaf(query, node.first, nearest);
        const bool is_left = query.leaf < node.middle();
        search_from(query, is_left ? node.left() : node.right(), nearest);
        const Node other = is_left ? node.right() : node.left();
        search_node(query, other, first_of(query, other), nearest);
    }

    // Searches a node whose box may contain `first`.
    void search_node(const Query& query, const Node& node, const Candidate& first,
                     Nearest& nearest) const {
        if (!(first < nearest.last())) return;
        if (node.is_leaf()) return search_leaf(query, node.first, nearest);
        const Node left = node.left(), right = node.right();
        const Candidate of_left = first_of(query, left), of_right = first_of(query, right);
        if (of_left < of_right) {
            search_node(query, left, of_left, nearest);
            search_node(query, right, of_right, nearest);
        } else {
            search_node(query, right, of_right, nearest);
            search_node(query, left, of_left, nearest);
        }
    }

    void search_leaf(const Query& query, std::int64_t leaf, Nearest& nearest) const {
        double squared[kLeaf] = {};
        for (std::size_t d = 0; d < D; ++d) {
            const float* along = axes_[d].get() + kLeaf * leaf;
            for (std::int64_t lane = 0; lane < kLeaf; ++lane) {
                const double difference = static_cast<double>(along[lane]) - query.at[d];
                squared[lane] += difference * difference;
            }
        }
        nearest.add(squared, order_.get() + kLeaf * leaf, query.index);
    }

    std::int64_t n_, leaves_;
    Buffer<Point> points_; // leaf by leaf
    Buffer<Box> boxes_;
    Buffer<float> axes_[D]; // the points by coordinate; infinite in the padding
    Buffer<std::int32_t> order_;
};

} // namespace

void search_tree(Pool& pool, const float* points, std::int64_t n, int dimensions, int k,
                 std::int32_t* index, float* distance) {
    if (dimensions == 1) Tree<1>(pool, points, n).search(pool, k, index, distance);
    if (dimensions == 2) Tree<2>(pool, points, n).search(pool, k, index, distance);
    if (dimensions == 3) Tree<3>(pool, points, n).search(pool, k, index, distance);
}

} // namespace meshtsne
