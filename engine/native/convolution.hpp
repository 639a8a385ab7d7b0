// The potential of a 2-D density on a grid of fixed size: tables, scratch memory, three passes.
#pragma once

#include <memory>
#include <vector>

#include "kernels/kernels.hpp"
#include "points/graph.hpp"
#include "pool.hpp"

namespace meshtsne {

// The tables of one axis of length n (2^a 3^b 5^c, a multiple of 16).
class AxisTables {
  public:
    explicit AxisTables(int n);
    Axis view() const;
    int size() const { return n_; }
    int frequency(int position) const { return frequency_[static_cast<std::size_t>(position)]; }

  private:
    int n_;
    std::vector<int> radices_;
    std::vector<std::vector<float>> twiddles_;
    std::vector<const float*> twiddle_pointers_;
    std::vector<float> half_;
    std::vector<int> slot_, partner_, frequency_;
};

// The cosine transform (DCT-I, without normalization) of `values`, shape (nx + 1, ny + 1), along
// both axes, to `out` of the same shape. The lengths nx and ny are those of `AxisTables`.
void cosine_transform(Pool& pool, int nx, int ny, const float* values, float* out);

class PotentialSolver {
  public:
    // `spectrum`, shape (nx + 1, ny + 1), row-major: the transform of the kernel at the frequencies
    // pi u / nx, pi v / ny, with the correction of the splines, without normalization.
    PotentialSolver(std::shared_ptr<Pool> pool, int nx, int ny, const float* spectrum);

    int nx() const { return x_.size(); }
    int ny() const { return y_.size(); }

    // Replaces the density by its potential; `stride` is the distance between rows in floats.
    void solve(float* density, int stride);

  private:
    std::shared_ptr<Pool> pool_;
    AxisTables x_, y_;
    Buffer<float> kernel_, spectrum_, scratch_;
};

} // namespace meshtsne
