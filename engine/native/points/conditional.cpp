#include "points/conditional.hpp"

#include <algorithm>
#include <cmath>

namespace meshtsne {

namespace {

constexpr std::int64_t kRows = 256; // rows in one task

} // namespace

std::pair<std::size_t, double> ConditionalRow::shift(const float* distance,
                                                     const std::int32_t* index, std::size_t k) {
    squared.resize((k + 7) / 8 * 8);
    float least = INFINITY;
    std::size_t valid = 0;
    for (std::size_t j = 0; j < k; ++j) {
        if (index[j] >= 0) least = std::min(least, distance[j] * distance[j]), ++valid;
    }
    double mean = 0;
    for (std::size_t j = 0; j < squared.size(); ++j) {
        const bool real = j < k && index[j] >= 0;
        squared[j] = real ? distance[j] * distance[j] - least : INFINITY;
        if (real) mean += static_cast<double>(squared[j]) / static_cast<double>(valid);
    }
    return {valid, mean};
}

const float* Conditional::row(std::int64_t i, ConditionalRow& scratch) const {
    if (p != nullptr) return p + i * k;
    const auto valid =
        scratch.shift(distance + i * k, index + i * k, static_cast<std::size_t>(k)).first;
    scratch.p.assign(scratch.squared.size(), 0.0F);
    if (valid == 0) return scratch.p.data();
    for (std::int64_t u = 0; u < n_perplexities; ++u)
        kernels().add_gaussian(scratch.squared.data(), static_cast<int>(scratch.squared.size()),
                               gaussians[u * n + i], scratch.p.data());
    if (n_perplexities > 1) {
        for (float& value : scratch.p) value /= static_cast<float>(n_perplexities);
    }
    return scratch.p.data();
}

void find_gaussians(Pool& pool, const float* distance, const std::int32_t* index, std::int64_t n,
                    std::int64_t k, float perplexity, Gaussian* gaussians) {
    pool.run_chunks(n, kRows, [&](std::int64_t, std::int64_t begin, std::int64_t end) {
        ConditionalRow row;
        for (std::int64_t i = begin; i < end; ++i) {
            const auto [valid, mean] =
                row.shift(distance + i * k, index + i * k, static_cast<std::size_t>(k));
            gaussians[i] = valid == 0
                               ? Gaussian{}
                               : kernels().find_precision(row.squared.data(),
                                                          static_cast<int>(row.squared.size()),
                                                          mean > 0 ? 1 / mean : 1.0, perplexity);
        }
    });
}

} // namespace meshtsne
