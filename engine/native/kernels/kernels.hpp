// The kernels, compiled once for each instruction set, and their data structures.
#pragma once

#include <cstdint>

namespace meshtsne {

// One axis of the transform: a complex FFT of length n, decimation in frequency, in place. The
// result is in digit-reversed order, which the inverse expects. See fft.hpp.
struct Axis {
    int n; // 2^a 3^b 5^c, a multiple of 16
    int n_stages;
    const int* radices; // one per stage, first stage first
    const float* const*
        twiddles;      // per stage: cos, sin of -2 pi j q / span, for j, then q = 1 .. radix-1
    const float* half; // cos, sin of -pi x / n for x < n: turns the cyclic into the negacyclic
    const int* slot;   // positions of the n + 1 slots and of their partners, see fft.hpp
    const int* partner;
};

// The frequency, in steps of pi / n, of a slot of an axis.
constexpr int frequency_of_slot(int n, int slot) {
    return slot == n ? n : slot < n / 2 ? 2 * slot : 2 * slot - n + 1;
}

// The linear convolution of a 2-D density with a kernel.
struct Convolution {
    Axis x, y;
    int stride;          // floats from one row of the density to the next
    const float* kernel; // its spectrum, [block of 8 slots][y: cyclic, negacyclic][position][8]
    float* spectrum;     // scratch, [block of 8 slots][y][re 8, im 8]
    float* scratch;      // per thread: 2 * max(x.n, y.n) * 16 floats
};

// A regular grid over the embedding. Axis 0 varies slowest.
struct Grid {
    int n[3];               // nodes on each axis
    float origin[3];        // position of node 0
    float per_unit;         // 1 / h
    std::int64_t stride[3]; // floats between adjacent nodes on each axis; the last is 1
};

// Eight entries of a row of P: their columns, and their probabilities in 16 bits, see encode().
template <class Index> struct Entries {
    Index column[8];
    std::uint16_t p[8];
};
using Near = Entries<std::uint16_t>; // columns minus the base of the block
using Far = Entries<std::uint32_t>;

// Number of entries ahead that the points of far entries are prefetched. Without prefetching,
// waiting for them takes a fifth of the time of the attraction at a million points.
constexpr int kFarAhead = 4;

// The rows begin .. end of symmetric P, with four bytes per near entry. An entry is near if its
// column is within 65536 of `base`, otherwise far. The near and the far part of each row are padded
// to a multiple of 8 with entries of the point itself, which exert no force.
struct Block {
    std::int64_t begin, end, base;
    const std::uint32_t* near_row; // end - begin + 1 positions in near
    const std::uint32_t* far_row;
    const Near* near;
    const Far* far; // and kFarAhead more entries for the prefetch
    float unit;     // p = unit * decode(code)
};

// 16 bits for a number in (2^-31, 2): 5 bits of exponent and 11 of mantissa, to a relative 2^-12.
constexpr std::uint32_t kCodeShift = 12, kCodeBias = 96U << 23;

// The neighbor search compares this many queries with this many candidates at a time.
constexpr int kTileQueries = 4, kTileCandidates = 16;

// A leaf of a k-d tree has this number of points, and this number of leaves is compared at a time.
constexpr std::int64_t kLeaf = 16, kMostLeaves = 64;

// The numbers and the extents of some leaves.
struct Leaves {
    std::int64_t n = 0;
    std::int32_t number[kMostLeaves] = {};
    float low[3][kMostLeaves] = {}, high[3][kMostLeaves] = {};
};

// The distance that the neighbor search compares; Euclidean distances are squared.
enum class Metric { euclidean, manhattan, chebyshev };
constexpr int kMetrics = 3;

// LARGEST_STEP and LARGEST_MASS of src/meshtsne/forces/exact.py.
constexpr float kLargestStep = 5.0F;
constexpr double kLargestMass = 2.0;

struct StepParameters {
    float exaggeration, momentum, learning_rate;
};

// p_j|i = per_total * exp(-precision * (d_ij^2 - the least d_ik^2)).
struct Gaussian {
    float precision, per_total;
};

// The extent and the sum of some points after an update.
struct Extent {
    float low[3], high[3];
    double total[3];
};

struct Kernels {
    const char* name;

    // The cosine transform along the rows 0 .. n of at most 16 columns; `out` is transposed, with
    // n + 1 floats a row. `scratch` has 32 n floats.
    void (*cosines)(const Axis&, const float* values, int stride, int n_columns, float* out,
                    float* scratch);

    // The three passes of a convolution, by task.
    void (*columns_forward)(const Convolution&, const float* density, int tile, int thread);
    void (*rows)(const Convolution&, int block, int thread);
    void (*columns_inverse)(const Convolution&, float* potential, int tile, int thread);

    // Adds points (in grid units, one after another) to the density.
    void (*spread[3])(const Grid&, const float* points, std::int64_t n_points, float* density);

    // Attraction A of the points of the block.
    void (*attract[3])(const Block&, const float* Y, float* A);

    // Phi and grad Phi (per unit of length) at the points, from the potential on the grid.
    void (*gather[3])(const Grid&, const float* potential, const float* Y, float* phi,
                      float* gradient, std::int64_t begin, std::int64_t end);

    // F and Z as the sum over all n points, for the points begin .. end; Y by coordinate, padded.
    double (*repel[3])(const float* const* axes, std::int64_t n, float* F, std::int64_t begin,
                       std::int64_t end);

    // The short-range potential at y in three dimensions, of n points by coordinate, padded. Adds
    // the gradient to `gradient`. See short_range.hpp.
    float (*short_range)(const float* const* axes, std::size_t n, const float* y, float split,
                         float* gradient);

    // One step of the points begin .. end; subtracts `shift` from every position. `damping` has the
    // factor of each coordinate of the gradient, or is null.
    Extent (*update[3])(float* Y, float* velocity, float* gains, const float* A, const float* F,
                        const float* damping, double z, const StepParameters&, const float* shift,
                        std::int64_t begin, std::int64_t end);

    // The Gaussian of one row, padded to a multiple of 8; `scale` is a first guess of its
    // precision.
    Gaussian (*find_precision)(const float* squared, int padded, double scale, float perplexity);
    // Adds its p_j|i.
    void (*add_gaussian)(const float* squared, int padded, const Gaussian&, float* p);

    // The neighbor search, by metric: see distances.hpp.
    std::uint64_t (*tile_distances[kMetrics])(const float* const* queries, const float* block,
                                              int dimensions, const float* bounds, float* out);

    // The search in a k-d tree: see nearby.hpp. `axes` has the points by coordinate, leaf by leaf.
    std::int64_t (*find_near[3])(const Leaves&, const float* const* axes, const float* query,
                                 float bound, std::int32_t* places);
    void (*rank)(const float* keys, std::int64_t n, std::int32_t* ranks);
};

const Kernels& baseline_kernels();
#ifdef MESHTSNE_HAS_AVX2
const Kernels& avx2_kernels();
#endif

// The fastest kernels that this processor supports.
const Kernels& kernels();

} // namespace meshtsne
