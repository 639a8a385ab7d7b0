#include "points/points.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>

#include "points/short_range.hpp"

namespace meshtsne {

namespace {

constexpr std::int64_t kSortChunk = 4096; // points in one task of the sort by stripe
constexpr std::int64_t kDirectChunk = 32; // points in one task of the sum over all pairs
constexpr std::int32_t kStripe = 8; // grid rows in a stripe, more than the order of the spline
constexpr float kFarAway = 1e15F;   // pads coordinates; exerts no force

} // namespace

Points::Points(std::shared_ptr<Pool> pool, const std::int64_t* row, const std::int32_t* column,
               const float* p, const float* Y, std::int64_t n, int dimensions)
    : pool_(std::move(pool)), n_(n), dimensions_(dimensions),
      order_(curve_order(*pool_, Y, n, dimensions)), graph_(*pool_, row, column, p, order_) {
    place(Y);
}

Points::Points(std::shared_ptr<Pool> pool, const Conditional& edges, const float* Y, int dimensions)
    : pool_(std::move(pool)), n_(edges.n), dimensions_(dimensions),
      order_(curve_order(*pool_, Y, edges.n, dimensions)), graph_(*pool_, edges, order_) {
    place(Y);
}

// Stores the initial positions, n x dimensions, at rest.
void Points::place(const float* Y) {
    // Kernels process eight points at a time.
    const auto padded = static_cast<std::size_t>((n_ + 7) / 8 * 8 * dimensions_);
    for (Array<float>* values : {&Y_, &velocity_, &gains_, &A_, &F_}) values->resize(padded);
    const auto D = static_cast<std::size_t>(dimensions_);
    for (std::size_t i = 0; i < order_.size(); ++i)
        std::copy_n(Y + D * order_[i], D, Y_.data() + D * i);
    restart();
    damp();
    measure();
}

void Points::damp() {
    const auto D = static_cast<std::size_t>(dimensions_);
    const double unit = static_cast<double>(graph_.unit()) * static_cast<double>(n_);
    damping_.assign(Y_.size(), 1.0F);
    pool_->run_chunks(n_, kChunk, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            double mass = 0;
            graph_.for_row(i, [&](std::int64_t, std::uint16_t code) {
                if (code != 0) mass += unit * static_cast<double>(decode(code));
            });
            if (mass > kLargestMass)
                std::fill_n(damping_.data() + D * static_cast<std::size_t>(i), D,
                            static_cast<float>(kLargestMass / mass));
        }
    });
    if (std::all_of(damping_.begin(), damping_.end(), [](float one) { return one == 1.0F; }))
        Array<float>().swap(damping_);
}

void Points::restart() {
    velocity_.assign(Y_.size(), 0.0F);
    gains_.assign(Y_.size(), 1.0F);
}

void Points::measure() {
    for (int d = 0; d < dimensions_; ++d) {
        float low = INFINITY, high = -INFINITY;
        double total = 0;
        for (std::int64_t i = 0; i < n_; ++i) {
            const float y = Y_[static_cast<std::size_t>(dimensions_ * i + d)];
            low = std::min(low, y);
            high = std::max(high, y);
            total += static_cast<double>(y);
        }
        extent_.low[d] = low;
        extent_.high[d] = high;
        extent_.total[d] = total;
    }
}

void Points::renumber() {
    const auto order = curve_order(*pool_, Y_.data(), n_, dimensions_);
    graph_.renumber(*pool_, order.data());
    const auto D = static_cast<std::size_t>(dimensions_);
    for (Array<float>* values : {&Y_, &velocity_, &gains_, &damping_}) {
        if (values->empty()) continue;
        Array<float> moved(values->size());
        for (std::size_t i = 0; i < order.size(); ++i) {
            std::copy_n(values->data() + D * order[i], D, moved.data() + D * i);
        }
        values->swap(moved);
    }
    std::vector<std::uint32_t> moved(order_.size());
    for (std::size_t i = 0; i < order.size(); ++i) moved[i] = order_[order[i]];
    order_.swap(moved);
}

void Points::spread(const Grid& grid, float* density, std::size_t n_floats) {
    const auto D = static_cast<std::size_t>(dimensions_);
    const std::int32_t stripes = (grid.n[0] + kStripe - 1) / kStripe;
    const std::int64_t chunks = (n_ + kSortChunk - 1) / kSortChunk;
    stripe_.resize(static_cast<std::size_t>(n_));
    units_.resize(Y_.size());
    // A stable counting sort by stripe.
    std::vector<std::int64_t> place(static_cast<std::size_t>(chunks * stripes), 0);
    pool_->run_chunks(n_, kSortChunk, [&](std::int64_t c, std::int64_t begin, std::int64_t end) {
        std::int64_t* count = place.data() + c * stripes;
        for (std::int64_t i = begin; i < end; ++i) {
            const float u = (Y_[D * static_cast<std::size_t>(i)] - grid.origin[0]) * grid.per_unit;
            const float inside = u > 0.0F ? std::min(u, static_cast<float>(grid.n[0] - 1)) : 0.0F;
            const auto row = static_cast<std::int32_t>(inside); // NaN is in row 0
            stripe_[static_cast<std::size_t>(i)] = row / kStripe;
            ++count[row / kStripe];
        }
    });
    std::vector<std::int64_t> start(static_cast<std::size_t>(stripes) + 1, 0);
    std::int64_t running = 0;
    for (std::int32_t s = 0; s < stripes; ++s) {
        start[static_cast<std::size_t>(s)] = running;
        for (std::int64_t c = 0; c < chunks; ++c) {
            running += std::exchange(place[static_cast<std::size_t>(c * stripes + s)], running);
        }
    }
    start.back() = running;
    pool_->run_chunks(n_, kSortChunk, [&](std::int64_t c, std::int64_t begin, std::int64_t end) {
        std::int64_t* next = place.data() + c * stripes;
        for (std::int64_t i = begin; i < end; ++i) {
            float* to = units_.data() +
                        D * static_cast<std::size_t>(next[stripe_[static_cast<std::size_t>(i)]]++);
            for (std::size_t d = 0; d < D; ++d) {
                to[d] = (Y_[D * static_cast<std::size_t>(i) + d] - grid.origin[d]) * grid.per_unit;
            }
        }
    });
    constexpr std::int64_t kPiece = 1 << 16;
    pool_->run_chunks(static_cast<std::int64_t>(n_floats), kPiece,
                      [&](std::int64_t, std::int64_t begin, std::int64_t end) {
                          std::fill(density + begin, density + end, 0.0F);
                      });
    // A point writes to its own stripe and the adjacent stripes only. So the even stripes run
    // first, each as a task, then the odd stripes.
    const auto spread = kernels().spread[dimensions_ - 1];
    for (std::int32_t parity = 0; parity < 2; ++parity) {
        pool_->run((stripes + 1 - parity) / 2, [&](std::int64_t half) {
            const auto s = static_cast<std::size_t>(2 * half + parity);
            spread(grid, units_.data() + D * static_cast<std::size_t>(start[s]),
                   start[s + 1] - start[s], density);
        });
    }
}

double Points::grid_forces(const Grid& grid, const float* potential, float split, float radius) {
    const Kernels& run = kernels();
    const auto D = static_cast<std::size_t>(dimensions_);
    phi_.resize(static_cast<std::size_t>(n_));
    std::vector<double> z(static_cast<std::size_t>((n_ + kChunk - 1) / kChunk));
    const auto finish = [&](std::int64_t c, std::int64_t begin, std::int64_t end) {
        double total = 0;
        for (std::int64_t i = begin; i < end; ++i)
            total += static_cast<double>(phi_[static_cast<std::size_t>(i)]) - 1.0;
        z[static_cast<std::size_t>(c)] = total;
        for (std::size_t k = D * static_cast<std::size_t>(begin);
             k < D * static_cast<std::size_t>(end); ++k)
            F_[k] *= -0.5F;
    };
    pool_->run_chunks(n_, kChunk, [&](std::int64_t c, std::int64_t begin, std::int64_t end) {
        run.gather[D - 1](grid, potential, Y_.data(), phi_.data(), F_.data(), begin, end);
        if (!(split > 0)) finish(c, begin, end);
        run.attract[D - 1](graph_.block(c), Y_.data(), A_.data());
    });
    if (split > 0) {
        ShortRange(*pool_, Y_.data(), n_, radius)
            .add(*pool_, Y_.data(), n_, split, phi_.data(), F_.data());
        pool_->run_chunks(n_, kChunk, finish);
    }
    return std::accumulate(z.begin(), z.end(), 0.0);
}

double Points::direct_forces() {
    const Kernels& run = kernels();
    const auto D = static_cast<std::size_t>(dimensions_);
    const auto padded = static_cast<std::size_t>((n_ + 7) / 8 * 8);
    axes_.assign(D * padded, kFarAway);
    const float* axes[3] = {};
    for (std::size_t d = 0; d < D; ++d) {
        for (std::size_t i = 0; i < static_cast<std::size_t>(n_); ++i)
            axes_[d * padded + i] = Y_[D * i + d];
        axes[d] = axes_.data() + d * padded;
    }
    const std::int64_t chunks = (n_ + kDirectChunk - 1) / kDirectChunk;
    std::vector<double> z(static_cast<std::size_t>(chunks));
    pool_->run(graph_.n_blocks() + chunks, [&](std::int64_t task) {
        const std::int64_t c = task - graph_.n_blocks();
        if (c < 0) {
            run.attract[D - 1](graph_.block(task), Y_.data(), A_.data());
        } else {
            const std::int64_t begin = c * kDirectChunk, end = std::min(n_, begin + kDirectChunk);
            z[static_cast<std::size_t>(c)] = run.repel[D - 1](axes, n_, F_.data(), begin, end);
        }
    });
    return std::accumulate(z.begin(), z.end(), 0.0);
}

void Points::step(const StepParameters& step, double z) {
    const auto update = kernels().update[dimensions_ - 1];
    float shift[3] = {}; // the mean after the last step
    for (int d = 0; d < dimensions_; ++d) {
        shift[d] = static_cast<float>(extent_.total[d] / static_cast<double>(n_));
    }
    const float* damping = damping_.empty() ? nullptr : damping_.data();
    std::vector<Extent> extents(static_cast<std::size_t>((n_ + kChunk - 1) / kChunk));
    pool_->run_chunks(n_, kChunk, [&](std::int64_t c, std::int64_t begin, std::int64_t end) {
        extents[static_cast<std::size_t>(c)] =
            update(Y_.data(), velocity_.data(), gains_.data(), A_.data(), F_.data(), damping, z,
                   step, shift, begin, end);
    });
    extent_ = extents.front();
    for (auto extent = extents.begin() + 1; extent != extents.end(); ++extent) {
        for (int d = 0; d < dimensions_; ++d) {
            extent_.low[d] = std::min(extent_.low[d], extent->low[d]);
            extent_.high[d] = std::max(extent_.high[d], extent->high[d]);
            extent_.total[d] += extent->total[d];
        }
    }
}

double Points::kl_divergence(double z) const {
    const auto D = static_cast<std::size_t>(dimensions_);
    std::vector<double> sums(static_cast<std::size_t>((n_ + kChunk - 1) / kChunk));
    pool_->run_chunks(n_, kChunk, [&](std::int64_t c, std::int64_t begin, std::int64_t end) {
        double total = 0;
        for (std::int64_t i = begin; i < end; ++i) {
            const float* y = Y_.data() + D * static_cast<std::size_t>(i);
            graph_.for_row(i, [&](std::int64_t column, std::uint16_t code) {
                if (code == 0) return;
                const double p =
                    static_cast<double>(graph_.unit()) * static_cast<double>(decode(code));
                const float* other = Y_.data() + D * static_cast<std::size_t>(column);
                double squared = 1;
                for (std::size_t d = 0; d < D; ++d) {
                    const double difference =
                        static_cast<double>(y[d]) - static_cast<double>(other[d]);
                    squared += difference * difference;
                }
                total += p * std::log(p * squared * z);
            });
        }
        sums[static_cast<std::size_t>(c)] = total;
    });
    return std::accumulate(sums.begin(), sums.end(), 0.0);
}

void Points::copy_positions(float* to) const {
    const auto D = static_cast<std::size_t>(dimensions_);
    for (std::size_t d = 0; d < D; ++d) {
        const auto mean = static_cast<float>(extent_.total[d] / static_cast<double>(n_));
        for (std::size_t i = 0; i < order_.size(); ++i)
            to[D * order_[i] + d] = Y_[D * i + d] - mean;
    }
}

void Points::copy_forces(float* attraction, float* repulsion) const {
    const auto D = static_cast<std::size_t>(dimensions_);
    for (std::size_t i = 0; i < order_.size(); ++i) {
        std::copy_n(A_.data() + D * i, D, attraction + D * order_[i]);
        std::copy_n(F_.data() + D * i, D, repulsion + D * order_[i]);
    }
}

void evaluate(Pool& pool, const Grid& grid, int dimensions, const float* potential, const float* Y,
              std::int64_t m, float* phi, float* gradient) {
    const auto gather = kernels().gather[dimensions - 1];
    pool.run_chunks(m, kChunk, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
        gather(grid, potential, Y, phi, gradient, begin, end);
    });
}

} // namespace meshtsne
