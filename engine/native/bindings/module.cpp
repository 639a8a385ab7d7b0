// The Python module of the kernels.
#include "bindings/arrays.hpp"
#include "kernels/kernels.hpp"
#include "pool.hpp"

using namespace meshtsne;

NB_MODULE(_native, m) {
    m.doc() = "The hot loops of t-SNE, in C++. Called by the modules of meshtsne only.";

    m.def(
        "instruction_set", [] { return kernels().name; },
        "Name of the instruction set that the kernels use on this processor.");
    m.attr("INTERFACE") = MESHTSNE_INTERFACE;
    m.attr("SPLINE_ORDER") = MESHTSNE_SPLINE_ORDER;
    m.attr("PADDING") = kPadding;

    nb::class_<Pool>(
        m, "Pool",
        "Threads that share the work of a call. Results do not depend on the number of threads.")
        .def(
            "__init__",
            [](Pool* self, int n_threads) {
                require(n_threads >= 1, "n_threads must be at least 1");
                new (self) Pool(n_threads);
            },
            "n_threads"_a)
        .def_prop_ro("n_threads", &Pool::size);

    bind_points(m);
    bind_search(m);
    bind_convolution(m);
}
