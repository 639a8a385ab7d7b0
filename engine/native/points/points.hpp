// The points of a descent: positions, velocity, gains, and the graph of the attraction.
#pragma once

#include <memory>
#include <vector>

#include "kernels/kernels.hpp"
#include "points/graph.hpp"
#include "pool.hpp"

namespace meshtsne {

class Points {
  public:
    // Copies P in compressed rows and the initial positions, n x dimensions, and sorts the points
    // as `renumber` does.
    Points(std::shared_ptr<Pool> pool, const std::int64_t* row, const std::int32_t* column,
           const float* p, const float* Y, std::int64_t n, int dimensions);

    // The same points, from conditional probabilities: takes less memory.
    Points(std::shared_ptr<Pool> pool, const Conditional& edges, const float* Y, int dimensions);

    std::int64_t size() const { return n_; }
    int dimensions() const { return dimensions_; }
    const Extent& extent() const { return extent_; }

    // Sets the velocity to zero and the gains to one.
    void restart();

    // Sorts the points along a space-filling curve, so that points close in the embedding are close
    // in memory. The interface keeps the caller's order.
    void renumber();

    // Computes the density of the points on a grid of `n_floats` floats in total.
    void spread(const Grid& grid, float* density, std::size_t n_floats);

    // Computes both forces and Z, from the potential on the grid or as the sum over all pairs. If
    // the grid has the long range only, `split` is above 0 and the short range ends at `radius`.
    double grid_forces(const Grid& grid, const float* potential, float split, float radius);
    double direct_forces();

    // Takes one step with the latest forces.
    void step(const StepParameters& step, double z);

    // sum_ij p_ij log(p_ij / q_ij), given Z.
    double kl_divergence(double z) const;

    // In the caller's order: positions centered at zero, attraction, repulsion.
    void copy_positions(float* to) const;
    void copy_forces(float* attraction, float* repulsion) const;

  private:
    void place(const float* Y);
    void damp();
    void measure();

    std::shared_ptr<Pool> pool_;
    std::int64_t n_;
    int dimensions_;
    std::vector<std::uint32_t> order_; // point i is the caller's point order_[i]
    PackedGraph graph_;
    Array<float> Y_, velocity_, gains_, A_, F_;
    Array<float> damping_; // the factor of each coordinate of the gradient; empty if all are 1
    Extent extent_{};
    // Scratch memory: positions in grid units sorted by stripe, the stripe of each point, and
    // positions by coordinate.
    Array<float> units_, axes_, phi_;
    Array<std::int32_t> stripe_;
};

// Phi and its gradient at m positions, from the potential on a grid.
void evaluate(Pool& pool, const Grid& grid, int dimensions, const float* potential, const float* Y,
              std::int64_t m, float* phi, float* gradient);

} // namespace meshtsne
