#include "points/short_range.hpp"

#include <algorithm>
#include <cmath>

#include "kernels/kernels.hpp"

namespace meshtsne {

namespace {

constexpr int kCellsAway = 2;           // number of cells to each side that contain the radius
constexpr std::uint32_t kTargets = 256; // targets of one cell in one task
constexpr std::int64_t kSortChunk = 4096;
constexpr float kFarAway = 1e15F; // pads coordinates; has no potential

} // namespace

ShortRange::ShortRange(Pool& pool, const float* Y, std::int64_t n, float radius)
    : per_unit_(kCellsAway / radius) {
    for (int d = 0; d < 3; ++d) {
        low_[d] = INFINITY;
        float high = -INFINITY;
        for (std::int64_t i = 0; i < n; ++i) {
            low_[d] = std::min(low_[d], Y[3 * i + d]);
            high = std::max(high, Y[3 * i + d]);
        }
        cells_[d] = high > low_[d] ? static_cast<int>((high - low_[d]) * per_unit_) + 1 : 1;
    }
    sorted_ = sort(pool, Y, n);
    for (Array<float>& axis : axes_) axis.resize(static_cast<std::size_t>(n));
    pool.run_chunks(n, kSortChunk, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
        for (auto k = static_cast<std::size_t>(begin); k < static_cast<std::size_t>(end); ++k) {
            const float* y = Y + 3 * static_cast<std::size_t>(sorted_.order[k]);
            for (std::size_t d = 0; d < 3; ++d) axes_[d][k] = y[d];
        }
    });
}

// Sorts stably by cell. A position outside the cells belongs to the nearest cell: all points are at
// least as close to that cell as to the position.
ShortRange::Sorted ShortRange::sort(Pool& pool, const float* Y, std::int64_t n) const {
    std::vector<std::uint32_t> cell(static_cast<std::size_t>(n));
    pool.run_chunks(n, kSortChunk, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
            std::uint32_t number = 0;
            for (int d = 0; d < 3; ++d) {
                const float along = (Y[3 * i + d] - low_[d]) * per_unit_;
                const float last = static_cast<float>(cells_[d] - 1);
                const float inside = along > 0.0F ? std::min(along, last) : 0.0F; // NaN is in 0
                number = number * static_cast<std::uint32_t>(cells_[d]) +
                         static_cast<std::uint32_t>(inside);
            }
            cell[static_cast<std::size_t>(i)] = number;
        }
    });
    const auto n_cells = static_cast<std::size_t>(cells_[0]) * static_cast<std::size_t>(cells_[1]) *
                         static_cast<std::size_t>(cells_[2]);
    Sorted sorted{std::vector<std::uint32_t>(cell.size()), std::vector<std::uint32_t>(n_cells + 1)};
    for (const std::uint32_t number : cell) ++sorted.start[number + 1];
    for (std::size_t c = 0; c < n_cells; ++c) sorted.start[c + 1] += sorted.start[c];
    std::vector<std::uint32_t> next(sorted.start.begin(), sorted.start.end() - 1);
    for (std::size_t i = 0; i < cell.size(); ++i)
        sorted.order[next[cell[i]]++] = static_cast<std::uint32_t>(i);
    return sorted;
}

std::size_t ShortRange::collect(const int (&cell)[3], Array<float> (&near)[3]) const {
    int from[3], to[3];
    for (int d = 0; d < 3; ++d) {
        from[d] = std::max(0, cell[d] - kCellsAway);
        to[d] = std::min(cells_[d] - 1, cell[d] + kCellsAway);
    }
    for (Array<float>& axis : near) axis.clear();
    // Adjacent cells on the last axis are contiguous in memory.
    for (int x = from[0]; x <= to[0]; ++x) {
        for (int y = from[1]; y <= to[1]; ++y) {
            const auto row =
                static_cast<std::size_t>(x * cells_[1] + y) * static_cast<std::size_t>(cells_[2]);
            const auto begin = sorted_.start[row + static_cast<std::size_t>(from[2])];
            const auto end = sorted_.start[row + static_cast<std::size_t>(to[2]) + 1];
            for (std::size_t d = 0; d < 3; ++d)
                near[d].insert(near[d].end(), axes_[d].begin() + begin, axes_[d].begin() + end);
        }
    }
    const std::size_t padded = (near[0].size() + 7) / 8 * 8;
    for (Array<float>& axis : near) axis.resize(padded, kFarAway);
    return padded;
}

void ShortRange::add(Pool& pool, const float* targets, std::int64_t m, float split, float* phi,
                     float* gradient) const {
    const Sorted sorted = sort(pool, targets, m);
    struct CellTargets {
        std::uint32_t cell, begin, end;
    };
    std::vector<CellTargets> tasks;
    for (std::uint32_t c = 0; c + 1 < sorted.start.size(); ++c) {
        for (std::uint32_t begin = sorted.start[c]; begin < sorted.start[c + 1]; begin += kTargets)
            tasks.push_back({c, begin, std::min(begin + kTargets, sorted.start[c + 1])});
    }
    struct Scratch {
        Array<float> near[3];
    };
    std::vector<Scratch> scratch(static_cast<std::size_t>(pool.size()));
    const auto along = kernels().short_range;
    pool.run_with_thread(static_cast<std::int64_t>(tasks.size()), [&](std::int64_t t, int thread) {
        const CellTargets& task = tasks[static_cast<std::size_t>(t)];
        const auto number = static_cast<int>(task.cell);
        auto& near = scratch[static_cast<std::size_t>(thread)].near;
        const std::size_t n_near = collect(
            {number / cells_[2] / cells_[1], number / cells_[2] % cells_[1], number % cells_[2]},
            near);
        const float* const axes[] = {near[0].data(), near[1].data(), near[2].data()};
        for (std::uint32_t k = task.begin; k < task.end; ++k) {
            const std::size_t i = sorted.order[k];
            phi[i] += along(axes, n_near, targets + 3 * i, split, gradient + 3 * i);
        }
    });
}

} // namespace meshtsne
