// The kernels, as Python sees them.
#include <nanobind/nanobind.h>

NB_MODULE(_native, m) {
    m.def("instruction_set", [] { return "baseline"; },
          "Name of the instruction set that the kernels run with on this processor.");
}
