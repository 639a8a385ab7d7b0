// Compiled once for each instruction set; MESHTSNE_KERNELS is the name of the function that returns
// the kernels. Only this function may have external linkage.
#include "kernels/distances.hpp"
#include "kernels/fft.hpp"
#include "kernels/forces.hpp"
#include "kernels/nearby.hpp"
#include "kernels/spline.hpp"

namespace meshtsne {

const Kernels& MESHTSNE_KERNELS() {
    static constexpr Kernels chosen = {
        MESHTSNE_INSTRUCTION_SET_NAME,
        cosines,
        columns_forward,
        rows,
        columns_inverse,
        {spread<1>, spread<2>, spread<3>},
        {attract<1>, attract<2>, attract<3>},
        {gather<1>, gather<2>, gather<3>},
        {repel<1>, repel<2>, repel<3>},
        short_range,
        {update<1>, update<2>, update<3>},
        find_precision,
        add_gaussian,
        {tile_distances<Metric::euclidean>, tile_distances<Metric::manhattan>,
         tile_distances<Metric::chebyshev>},
        {find_near<1>, find_near<2>, find_near<3>},
        rank,
    };
    return chosen;
}

} // namespace meshtsne
