#include "tree.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

#include "candidates.hpp"
#include "kernels/kernels.hpp"
#include "memory.hpp"

namespace meshtsne {

namespace {

constexpr std::int64_t kTaskLeaves = 32; // leaves whose points are searched in one task
constexpr std::size_t kSubtrees = 64;    // subtrees that are built in parallel

template <std::size_t D> class Tree {
  public:
    Tree(Pool& pool, const float* points, std::int64_t n)
        : n_(n), leaves_((n + kLeaf - 1) / kLeaf),
          points_(buffer<Point>(static_cast<std::size_t>(n))),
          boxes_(buffer<Box>(static_cast<std::size_t>(2 * leaves_ - 1))),
          order_(buffer<std::int32_t>(static_cast<std::size_t>(kLeaf * leaves_))) {
        pool.run_chunks(
            n, kLeaf * kTaskLeaves, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
                for (std::int64_t i = begin; i < end; ++i) {
                    std::copy_n(points + static_cast<std::int64_t>(D) * i, D, points_[i].at);
                    points_[i].index = static_cast<std::int32_t>(i);
                }
            });
        build(pool);
        for (auto& axis : axes_) axis = buffer<float>(static_cast<std::size_t>(kLeaf * leaves_));
        pool.run_chunks(kLeaf * leaves_, kLeaf * kTaskLeaves,
                        [this](std::int64_t, std::int64_t begin, std::int64_t end) {
                            for (std::int64_t i = begin; i < end; ++i) {
                                for (std::size_t d = 0; d < D; ++d)
                                    axes_[d][i] = i < n_ ? points_[i].at[d] : NAN;
                                order_[i] = i < n_ ? points_[i].index : -1;
                            }
                        });
    }

    void search(Pool& pool, int k, std::int32_t* index, float* distance) const {
        std::vector<Group> groups(static_cast<std::size_t>(pool.size()),
                                  Group(Result{k, index, distance}));
        pool.run_with_thread(
            (leaves_ + kTaskLeaves - 1) / kTaskLeaves, [&](std::int64_t task, int thread) {
                Group& group = groups[static_cast<std::size_t>(thread)];
                group.balls = LastBalls<D>();
                const std::int64_t end = std::min(leaves_, (task + 1) * kTaskLeaves);
                for (std::int64_t leaf = task * kTaskLeaves; leaf < end; ++leaf) {
                    // The ball of the central point bounds the distances of the others.
                    const std::int64_t first = kLeaf * leaf, last = std::min(n_, first + kLeaf);
                    search_group(first, first + 1, group);
                    if (last > first + 1) search_group(first + 1, last, group);
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

    struct Result {
        int k;
        std::int32_t* index;
        float* distance;
    };

    // Points of one leaf whose neighbors are searched together, and the leaves that they were not
    // compared with yet.
    struct Group {
        explicit Group(const Result& to)
            : result(to), nearest(static_cast<std::size_t>(kLeaf), Nearest(to.k)) {}

        Result result;
        LastBalls<D> balls;
        std::vector<Nearest> nearest; // of the points first .. last
        std::int64_t first = 0, last = 0;
        Box box{};
        Candidate bound{}; // all candidates that any of the points needs are before the bound
        Leaves leaves;
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
        if (node.is_leaf()) return move_central(box, begin, end);
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

    // Moves the point that is nearest to the center of the box to the front.
    static void move_central(const Box& box, Point* begin, Point* end) {
        const auto off_center = [&](const Point& point) {
            double squared = 0;
            for (std::size_t d = 0; d < D; ++d) {
                const double twice = 2 * static_cast<double>(point.at[d]) -
                                     static_cast<double>(box.low[d]) -
                                     static_cast<double>(box.high[d]);
                squared += twice * twice;
            }
            return squared;
        };
        std::iter_swap(begin, std::min_element(begin, end, [&](const Point& a, const Point& b) {
                           return off_center(a) < off_center(b);
                       }));
    }

    void search_group(std::int64_t first, std::int64_t last, Group& group) const {
        group.first = first;
        group.last = last;
        std::copy_n(points_[first].at, D, group.box.low);
        std::copy_n(points_[first].at, D, group.box.high);
        group.bound = {0, kAnyIndex};
        const Box& around = boxes_[smallest_node(first / kLeaf, group.result.k + 1).number];
        for (std::int64_t i = first; i < last; ++i) {
            Nearest& own = group.nearest[static_cast<std::size_t>(i - first)];
            own.start();
            own.limit(farthest(points_[i], around));
            own.limit(group.balls.bound(points_[i].at));
            group.bound = std::max(group.bound, own.last());
            for (std::size_t d = 0; d < D; ++d) {
                group.box.low[d] = std::min(group.box.low[d], points_[i].at[d]);
                group.box.high[d] = std::max(group.box.high[d], points_[i].at[d]);
            }
        }
        search_from({0, 0, leaves_}, group);
        finish(group);
    }

    // The smallest node that contains a leaf and at least `count` points.
    Node smallest_node(std::int64_t leaf, std::int64_t count) const {
        Node node{0, 0, leaves_};
        while (!node.is_leaf()) {
            const Node child = leaf < node.middle() ? node.left() : node.right();
            if (std::min(n_, kLeaf * child.last) - kLeaf * child.first < count) break;
            node = child;
        }
        return node;
    }

    // The squared distance from a point to the farthest corner of a box that contains the point.
    static double farthest(const Point& point, const Box& box) {
        double squared = 0;
        for (std::size_t d = 0; d < D; ++d) {
            const double at = static_cast<double>(point.at[d]);
            const double most = std::max(at - static_cast<double>(box.low[d]),
                                         static_cast<double>(box.high[d]) - at);
            squared += most * most;
        }
        return squared;
    }

    // The first candidate that the box of a node may contain, for any point of the group.
    Candidate first_of(const Group& group, const Node& node) const {
        const Box &box = boxes_[node.number], &own = group.box;
        double squared = 0;
        for (std::size_t d = 0; d < D; ++d) {
            const double between =
                std::max({static_cast<double>(box.low[d]) - static_cast<double>(own.high[d]), 0.0,
                          static_cast<double>(own.low[d]) - static_cast<double>(box.high[d])});
            squared += between * between;
        }
        return {squared, box.least};
    }

    // Searches a node that contains the group, the leaf of the group first.
    void search_from(const Node& node, Group& group) const {
        if (node.is_leaf()) return search_leaf(node, group);
        const bool is_left = group.first < kLeaf * node.middle();
        search_from(is_left ? node.left() : node.right(), group);
        const Node other = is_left ? node.right() : node.left();
        search_node(other, first_of(group, other), group);
    }

    // Searches a node whose box may contain `first`.
    void search_node(const Node& node, const Candidate& first, Group& group) const {
        if (!(first < group.bound)) return;
        if (node.is_leaf()) return search_leaf(node, group);
        const Node left = node.left(), right = node.right();
        const Candidate of_left = first_of(group, left), of_right = first_of(group, right);
        if (of_left < of_right) {
            search_node(left, of_left, group);
            search_node(right, of_right, group);
        } else {
            search_node(right, of_right, group);
            search_node(left, of_left, group);
        }
    }

    void search_leaf(const Node& node, Group& group) const {
        Leaves& leaves = group.leaves;
        // Of many copies of the points, only those with the lowest indices are neighbors.
        const std::int64_t few = group.result.k / kLeaf + 2;
        if (leaves.n >= (group.bound.squared > 0 ? kMostLeaves : std::min(kMostLeaves, few)))
            refine(group);
        leaves.number[leaves.n] = static_cast<std::int32_t>(node.first);
        for (std::size_t d = 0; d < D; ++d) {
            leaves.low[d][leaves.n] = boxes_[node.number].low[d];
            leaves.high[d][leaves.n] = boxes_[node.number].high[d];
        }
        ++leaves.n;
    }

    // Compares the group with its leaves, for a bound that excludes most of the other leaves.
    void refine(Group& group) const {
        group.bound = {0, -1};
        for (std::int64_t i = group.first; i < group.last; ++i) {
            Nearest& own = compare(i, group);
            own.shrink();
            group.bound = std::max(group.bound, own.last());
        }
        group.leaves.n = 0;
    }

    // Compares the group with its last leaves, and writes the neighbors.
    void finish(Group& group) const {
        const Result& to = group.result;
        for (std::int64_t i = group.first; i < group.last; ++i) {
            const Candidate* found = compare(i, group).sorted();
            group.balls.add(points_[i].at, std::sqrt(found[to.k - 1].squared));
            const std::int64_t row = std::int64_t{to.k} * points_[i].index;
            for (int j = 0; j < to.k; ++j) {
                to.index[row + j] = found[j].index;
                to.distance[row + j] = static_cast<float>(std::sqrt(found[j].squared));
            }
        }
        group.leaves.n = 0;
    }

    // Adds the points of the leaves that are near the point to its candidates. The distances in
    // float precision exclude most points; the others have their distances in double precision.
    Nearest& compare(std::int64_t i, Group& group) const {
        Nearest& own = group.nearest[static_cast<std::size_t>(i - group.first)];
        own.limit(group.balls.bound(points_[i].at)); // those of the group itself are new
        const float* axes[D];
        for (std::size_t d = 0; d < D; ++d) axes[d] = axes_[d].get();
        std::int32_t places[kMostLeaves * kLeaf + 8];
        const std::int64_t count = kernels().find_near[D - 1](
            group.leaves, axes, points_[i].at, float_bound(own.last().squared), places);
        for (std::int64_t at = 0; at < count; ++at) {
            const std::int64_t place = places[at];
            double squared = 0;
            for (std::size_t d = 0; d < D; ++d) {
                const double difference =
                    static_cast<double>(axes[d][place]) - static_cast<double>(points_[i].at[d]);
                squared += difference * difference;
            }
            own.add_if(place != i, {squared, order_[place]});
        }
        return own;
    }

    std::int64_t n_, leaves_;
    Buffer<Point> points_; // leaf by leaf
    Buffer<Box> boxes_;
    Buffer<float> axes_[D]; // the points by coordinate; NaN in the padding, near no query
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
