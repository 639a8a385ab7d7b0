// Runs the native code without Python. `make sanitize` builds and runs this program with the
// address and undefined-behavior sanitizers, and again with the thread sanitizer. The program also
// checks that the results do not depend on the number of threads.
#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>
#include <stdexcept>
#include <utility>
#include <vector>

#include "convolution.hpp"
#include "points/points.hpp"
#include "search.hpp"
#include "tree.hpp"

using namespace meshtsne;

namespace {

void require(bool holds, const char* what) {
    if (holds) return;
    std::fprintf(stderr, "failed: %s\n", what);
    std::exit(1);
}

struct Neighbors {
    std::vector<std::int32_t> index;
    std::vector<float> p;
};

// Distinct neighbors, some far away in the numbering, some missing.
Neighbors random_neighbors(std::mt19937& random, std::int64_t n, std::int64_t k) {
    Neighbors out;
    const std::int64_t n_far = n - 1 - k;
    for (std::int64_t i = 0; i < n; ++i) {
        const auto start = static_cast<std::int64_t>(random() % static_cast<unsigned>(n));
        for (std::int64_t j = 1; j <= k; ++j) {
            const bool missing = random() % 50 == 0;
            const bool far = j % 3 == 0 && n_far > k;
            const std::int64_t step = far ? k + 1 + (start + j) % n_far : j;
            out.index.push_back(missing ? -1 : static_cast<std::int32_t>((i + step) % n));
            out.p.push_back(missing ? 0.0F : static_cast<float>(random() % 1000) / 1000.0F);
        }
    }
    return out;
}

// A few steps with the grid or the direct sum. The density is not convolved: the forces are wrong,
// but all the code runs.
std::vector<float> descend(Pool& pool, Points points, bool direct) {
    const std::int64_t n = points.size();
    const int dimensions = points.dimensions();
    std::int64_t nodes = 1;
    Grid grid{};
    for (int d = dimensions - 1; d >= 0; --d) {
        grid.n[d] = 32;
        grid.stride[d] = nodes;
        grid.origin[d] = -8.0F;
        nodes *= d == dimensions - 1 ? 32 + 8 : 32;
    }
    grid.per_unit = 2.0F;
    std::vector<float> density(static_cast<std::size_t>(nodes));
    for (int i = 0; i < 4; ++i) {
        if (i > 0) points.renumber(); // from the second call on, reuses memory
        points.spread(grid, density.data(), density.size());
        const float split = dimensions == 3 ? 0.5F : 0.0F;
        const double z =
            direct ? points.direct_forces() : points.grid_forces(grid, density.data(), split, 3.0F);
        points.step({12.0F, 0.5F, 1.0F}, z > 1 ? z : 1.0);
    }
    const auto n_values = static_cast<std::size_t>(n * dimensions);
    std::vector<float> result(n_values), attraction(n_values), repulsion(n_values);
    points.copy_positions(result.data());
    points.copy_forces(attraction.data(), repulsion.data());
    require(points.kl_divergence(1e6) == points.kl_divergence(1e6), "the divergence is NaN");
    std::vector<float> phi(static_cast<std::size_t>(n));
    evaluate(pool, grid, dimensions, density.data(), result.data(), n, phi.data(),
             attraction.data());
    return result;
}

void check_descent_of(const Conditional& edges, const std::vector<float>& Y, int dimensions,
                      bool direct) {
    std::vector<float> first;
    for (int threads : {1, 2, 5}) {
        auto pool = std::make_shared<Pool>(threads);
        std::vector<float> stored; // p_j|i
        ConditionalRow scratch;
        for (std::int64_t i = 0; i < edges.n; ++i) {
            const float* p = edges.row(i, scratch);
            stored.insert(stored.end(), p, p + edges.k);
        }
        const Csr csr = symmetrize(*pool, {edges.index, stored.data(), edges.n, edges.k});
        for (const auto& found :
             {descend(*pool,
                      Points(pool, csr.row.data(), csr.column.get(), csr.p.get(), Y.data(), edges.n,
                             dimensions),
                      direct),
              descend(*pool, Points(pool, edges, Y.data(), dimensions), direct)}) {
            if (first.empty()) first = found;
            require(std::memcmp(first.data(), found.data(), first.size() * sizeof(float)) == 0,
                    "the result depends on the number of threads, or on the form of P");
        }
    }
}

void check_descent(std::mt19937& random, std::int64_t n, int dimensions) {
    const std::int64_t k = std::min<std::int64_t>(20, n - 1);
    const Neighbors neighbors = random_neighbors(random, n, k);
    std::vector<float> Y(static_cast<std::size_t>(n * dimensions));
    for (float& y : Y)
        y = static_cast<float>(random() % 20000) / 1000.0F -
            10.0F; // some positions are outside the grid
    std::vector<Gaussian> gaussians(static_cast<std::size_t>(2 * n));
    Pool pool(3);
    for (int u = 0; u < 2; ++u)
        find_gaussians(pool, neighbors.p.data(), neighbors.index.data(), n, k,
                       1.5F + static_cast<float>(u), gaussians.data() + u * n);
    for (const bool direct : {false, true}) {
        if (direct && n > 3000) continue;
        check_descent_of({neighbors.index.data(), neighbors.p.data(), n, k}, Y, dimensions, direct);
        if (n > 3000) continue;
        check_descent_of({neighbors.index.data(), nullptr, n, k, neighbors.p.data(),
                          gaussians.data(), 2}, // distances instead of p
                         Y, dimensions, direct);
    }
}

void check_convolution(std::mt19937& random, int nx, int ny) {
    std::vector<float> spectrum(static_cast<std::size_t>((nx + 1) * (ny + 1)),
                                1.0F); // spectrum of the identity
    const int stride = ny + 8;
    std::vector<float> density(static_cast<std::size_t>(nx * stride));
    for (float& value : density) value = static_cast<float>(random() % 1000) / 1000.0F;
    for (int threads : {1, 3}) {
        std::vector<float> found = density;
        PotentialSolver(std::make_shared<Pool>(threads), nx, ny, spectrum.data())
            .solve(found.data(), stride);
        for (std::size_t i = 0; i < found.size(); ++i)
            require(std::abs(found[i] - density[i]) < 1e-4F, "the identity changes the density");
    }
}

void check_cosine_transform(std::mt19937& random, int nx, int ny) {
    std::vector<float> values(static_cast<std::size_t>((nx + 1) * (ny + 1))), once(values.size());
    for (float& value : values) value = static_cast<float>(random() % 1000) / 1000.0F;
    const float scale = 1.0F / static_cast<float>(4 * nx * ny);
    for (int threads : {1, 3}) {
        Pool pool(threads);
        std::vector<float> twice(values.size());
        cosine_transform(pool, nx, ny, values.data(), once.data());
        cosine_transform(pool, nx, ny, once.data(), twice.data());
        for (std::size_t i = 0; i < values.size(); ++i)
            require(std::abs(scale * twice[i] - values[i]) < 1e-4F,
                    "two cosine transforms are not the identity");
    }
}

void check_search(std::mt19937& random, std::int64_t n, int dimensions, std::int32_t n_cells) {
    const int k = 9, n_probes = 3;
    std::vector<float> X(static_cast<std::size_t>(n * dimensions));
    for (float& x : X) x = static_cast<float>(random() % 100); // with ties
    std::vector<std::int32_t> cell_of(static_cast<std::size_t>(n)), probes;
    for (std::int32_t& cell : cell_of) {
        cell = static_cast<std::int32_t>(random() % static_cast<unsigned>(n_cells));
        for (int p = 0; p < n_probes; ++p) probes.push_back((cell + p) % n_cells);
    }
    std::vector<std::int32_t> first;
    for (int threads : {1, 3}) {
        Pool pool(threads);
        const CellIndex index(pool, X.data(), n, dimensions, cell_of.data(), n_cells);
        std::vector<std::int32_t> found(static_cast<std::size_t>(n * k));
        std::vector<float> squared(found.size());
        index.search(pool, X.data(), probes.data(), n, n_probes, k, Metric::euclidean, found.data(),
                     squared.data());
        for (std::size_t e = 0; e < found.size(); ++e) {
            require(e % k == 0 || squared[e] >= squared[e - 1],
                    "the neighbors are not sorted by distance");
        }
        if (first.empty()) first = found;
        require(first == found, "the neighbors depend on the number of threads");
    }
}

void check_tree(std::mt19937& random, std::int64_t n, int dimensions, int k) {
    std::vector<float> Y(static_cast<std::size_t>(n * dimensions));
    for (float& y : Y) y = static_cast<float>(random() % 30);   // with ties
    std::fill(Y.begin(), Y.begin() + n * dimensions / 3, 5.0F); // and many copies
    for (int threads : {1, 3}) {
        Pool pool(threads);
        std::vector<std::int32_t> found(static_cast<std::size_t>(n * k));
        std::vector<float> distance(found.size());
        search_tree(pool, Y.data(), n, dimensions, k, found.data(), distance.data());
        for (std::int64_t i = 0; i < n; ++i) {
            std::vector<std::pair<float, std::int32_t>> others;
            for (std::int64_t j = 0; j < n; ++j) {
                float squared = 0;
                for (std::int64_t d = 0; d < dimensions; ++d) {
                    const float difference = Y[static_cast<std::size_t>(dimensions * i + d)] -
                                             Y[static_cast<std::size_t>(dimensions * j + d)];
                    squared += difference * difference;
                }
                if (j != i) others.emplace_back(squared, static_cast<std::int32_t>(j));
            }
            std::partial_sort(others.begin(), others.begin() + k, others.end());
            for (int j = 0; j < k; ++j) {
                const auto at = static_cast<std::size_t>(i * k + j);
                const auto& [squared, index] = others[static_cast<std::size_t>(j)];
                require(found[at] == index && std::abs(distance[at] - std::sqrt(squared)) < 1e-4F,
                        "the tree does not find the neighbors of brute force");
            }
        }
    }
}

void check_pool() {
    Pool pool(3);
    bool thrown = false;
    try {
        pool.run(100, [](std::int64_t i) {
            if (i % 7 == 3) throw std::runtime_error("planned");
        });
    } catch (const std::runtime_error&) {
        thrown = true;
    }
    require(thrown, "the exception of a task was not rethrown");
    std::vector<int> done(1000, 0);
    pool.run(1000, [&](std::int64_t i) { done[static_cast<std::size_t>(i)]++; });
    for (int times : done) require(times == 1, "a task did not run exactly once");
}

void check_arena() {
    Arena arena(1024);
    const Arena::Piece first = arena.take(512), second = arena.take(512), third = arena.take(512);
    arena.release(first);
    require(arena.take(1024).chunk != first.chunk, "a chunk was used again too early");
    arena.release(second);
    const Arena::Piece again = arena.take(1024);
    require(again.memory == first.memory, "the memory of released pieces was not used again");
    const Arena::Piece large = arena.take(4096); // larger than a chunk
    std::memset(large.memory, 1, 4096);
    require(large.chunk != third.chunk && large.chunk != again.chunk, "two pieces overlap");
}

void check_perplexity() {
    for (const float scale : {0.0F, 1e-38F, 1.0F, 1e37F}) {
        std::vector<float> squared(16, INFINITY), p(16);
        for (int j = 0; j < 13; ++j)
            squared[static_cast<std::size_t>(j)] = scale * static_cast<float>(j);
        const Gaussian gaussian = kernels().find_precision(squared.data(), 16, 1.0, 5.0F);
        kernels().add_gaussian(squared.data(), 16, gaussian, p.data());
        float total = 0;
        for (float value : p) total += value;
        require(std::abs(total - 1.0F) < 1e-3F, "the sum of the probabilities is not 1");
    }
}

} // namespace

int main() {
    std::mt19937 random(7);
    for (int dimensions : {1, 2, 3}) {
        for (std::int64_t n : {1, 3, 8, 511, 1203}) {
            if (n > 1) check_descent(random, n, dimensions);
        }
    }
    check_descent(random, 70001, 2); // more columns than 16 bits can number
    for (const auto& [nx, ny] : {std::pair{16, 16}, {48, 80}, {240, 32}}) {
        check_convolution(random, nx, ny);
        check_cosine_transform(random, nx, ny);
    }
    check_search(random, 3000, 13, 20);
    check_search(random, 40, 3, 7);
    for (int dimensions : {1, 2, 3}) {
        check_tree(random, 2, dimensions, 1);
        check_tree(random, 17, dimensions, 16);
        check_tree(random, 1203, dimensions, 9); // more leaves than one task searches
    }
    check_perplexity();
    check_arena();
    check_pool();
    std::printf("native code: no errors (%s)\n", kernels().name);
    return 0;
}
