#include "convolution.hpp"

#include <cmath>
#include <numbers>

namespace meshtsne {

namespace {

std::vector<int> factorize(int n) {
    std::vector<int> radices;
    for (int radix : {5, 3}) {
        for (; n % radix == 0; n /= radix) radices.push_back(radix);
    }
    for (; n % 4 == 0; n /= 4) radices.push_back(4);
    if (n == 2) radices.push_back(2);
    return radices;
}

} // namespace

AxisTables::AxisTables(int n) : n_(n), radices_(factorize(n)) {
    const auto add_turn = [](std::vector<float>& to, double part) {
        to.push_back(static_cast<float>(std::cos(2 * std::numbers::pi * part)));
        to.push_back(static_cast<float>(-std::sin(2 * std::numbers::pi * part)));
    };
    int span = n;
    for (int radix : radices_) {
        auto& table = twiddles_.emplace_back();
        for (int j = 0; j < span / radix; ++j) {
            for (int q = 1; q < radix; ++q) add_turn(table, static_cast<double>(j) * q / span);
        }
        span /= radix;
    }
    for (const auto& table : twiddles_) twiddle_pointers_.push_back(table.data());
    for (int i = 0; i < n; ++i) add_turn(half_, 0.5 * i / n);

    std::vector<int> position(static_cast<std::size_t>(n));
    frequency_.resize(static_cast<std::size_t>(n));
    for (int k = 0; k < n; ++k) {
        int rest = k, at = 0, part = n;
        for (int radix : radices_) {
            part /= radix;
            at += rest % radix * part;
            rest /= radix;
        }
        position[static_cast<std::size_t>(k)] = at;
        frequency_[static_cast<std::size_t>(at)] = k;
    }
    for (int s = 0; s <= n; ++s) {
        const bool cyclic = s < n / 2 || s == n;
        const int k = s == n ? n / 2 : s % (n / 2);
        const int reflected = cyclic ? (n - k) % n : n - 1 - k;
        slot_.push_back(position[static_cast<std::size_t>(k)]);
        partner_.push_back(position[static_cast<std::size_t>(reflected)]);
    }
}

Axis AxisTables::view() const {
    return {n_,
            static_cast<int>(radices_.size()),
            radices_.data(),
            twiddle_pointers_.data(),
            half_.data(),
            slot_.data(),
            partner_.data()};
}

void cosine_transform(Pool& pool, int nx, int ny, const float* values, float* out) {
    const AxisTables x(nx), y(ny);
    const auto floats = static_cast<std::size_t>(32 * std::max(nx, ny));
    const auto scratch = buffer<float>(static_cast<std::size_t>(pool.size()) * floats);
    const auto along_x = buffer<float>(static_cast<std::size_t>(nx + 1) * (ny + 1));
    const auto pass = [&](const Axis& axis, int n_columns, const float* from, float* to) {
        pool.run_with_thread(n_columns / 16 + 1, [&](std::int64_t tile, int thread) {
            const int first = static_cast<int>(tile) * 16;
            kernels().cosines(axis, from + first, n_columns, std::min(16, n_columns - first),
                              to + static_cast<std::size_t>(first) * (axis.n + 1),
                              scratch.get() + static_cast<std::size_t>(thread) * floats);
        });
    };
    pass(x.view(), ny + 1, values, along_x.get());
    pass(y.view(), nx + 1, along_x.get(), out);
}

PotentialSolver::PotentialSolver(std::shared_ptr<Pool> pool, int nx, int ny, const float* spectrum)
    : pool_(std::move(pool)), x_(nx), y_(ny) {
    const auto blocks = static_cast<std::size_t>(nx / 8 + 1);
    const auto rows = static_cast<std::size_t>(ny);
    spectrum_ = buffer<float>(blocks * rows * 16);
    scratch_ = buffer<float>(static_cast<std::size_t>(pool_->size()) * 2 *
                             static_cast<std::size_t>(std::max(nx, ny)) * 16);
    kernel_ = buffer<float>(blocks * 2 * rows * 8);
    const float scale = 1.0F / (4.0F * static_cast<float>(nx) * static_cast<float>(ny));
    pool_->run(nx / 8 + 1, [&](std::int64_t block) {
        float* to = kernel_.get() + static_cast<std::size_t>(block) * 2 * rows * 8;
        for (int odd = 0; odd < 2; ++odd) {
            for (int position = 0; position < ny; ++position) {
                const int v = 2 * y_.frequency(position) + odd;
                for (int lane = 0; lane < 8; ++lane, ++to) {
                    const int slot = static_cast<int>(block) * 8 + lane;
                    const auto at =
                        static_cast<std::size_t>(frequency_of_slot(nx, slot)) * (rows + 1) +
                        static_cast<std::size_t>(v > ny ? 2 * ny - v : v);
                    *to = slot > nx ? 0.0F : scale * spectrum[at];
                }
            }
        }
    });
}

void PotentialSolver::solve(float* density, int stride) {
    const Kernels& run = kernels();
    const Convolution c = {x_.view(),     y_.view(),       stride,
                           kernel_.get(), spectrum_.get(), scratch_.get()};
    pool_->run_with_thread(c.y.n / 16, [&](std::int64_t tile, int thread) {
        run.columns_forward(c, density, static_cast<int>(tile), thread);
    });
    pool_->run_with_thread(c.x.n / 8 + 1, [&](std::int64_t block, int thread) {
        run.rows(c, static_cast<int>(block), thread);
    });
    pool_->run_with_thread(c.y.n / 16, [&](std::int64_t tile, int thread) {
        run.columns_inverse(c, density, static_cast<int>(tile), thread);
    });
}

} // namespace meshtsne
