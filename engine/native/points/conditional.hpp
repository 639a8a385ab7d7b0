// The conditional probabilities of the neighbors of each point.
#pragma once

#include <cstdint>
#include <utility>
#include <vector>

#include "kernels/kernels.hpp"
#include "pool.hpp"

namespace meshtsne {

// Scratch memory for one row, padded to a multiple of 8.
struct ConditionalRow {
    std::vector<float> squared, p;

    // Sets `squared` to the squared distances minus the smallest; infinite beyond the row and for a
    // missing neighbor. Returns their number and mean without these.
    std::pair<std::size_t, double> shift(const float* distance, const std::int32_t* index,
                                         std::size_t k);
};

// The k neighbors of each point, and p_j|i: stored, or computed from the distances, which takes
// less memory. index < 0 is a missing neighbor.
struct Conditional {
    const std::int32_t* index; // n x k
    const float* p;            // n x k, or null
    std::int64_t n, k;
    const float* distance = nullptr; // n x k
    // n for each perplexity; p_j|i is the mean. per_total is 0 if all neighbors are missing.
    const Gaussian* gaussians = nullptr;
    std::int64_t n_perplexities = 0;

    // Returns the k probabilities of point i, valid until the next call with the same scratch.
    const float* row(std::int64_t i, ConditionalRow& scratch) const;
};

// Finds the Gaussian of each point for a perplexity.
void find_gaussians(Pool& pool, const float* distance, const std::int32_t* index, std::int64_t n,
                    std::int64_t k, float perplexity, Gaussian* gaussians);

} // namespace meshtsne
