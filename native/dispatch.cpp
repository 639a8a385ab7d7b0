#include "kernels.hpp"

namespace featscape {

const Kernels& kernels() {
#ifdef FEATSCAPE_HAS_AVX2
    static const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (has_avx2) return avx2_kernels();
#endif
    return baseline_kernels();
}

} // namespace featscape
