#include "kernels/kernels.hpp"

#include <cstdlib>
#include <cstring>

namespace meshtsne {

namespace {

// MESHTSNE_INSTRUCTION_SET=baseline selects the kernels for old processors, for tests.
bool wants_baseline() {
    const char* name = std::getenv("MESHTSNE_INSTRUCTION_SET");
    return name != nullptr && std::strcmp(name, "baseline") == 0;
}

const Kernels& choose() {
#ifdef MESHTSNE_HAS_AVX2
    const bool has_avx2 = __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
    if (has_avx2 && !wants_baseline()) return avx2_kernels();
#endif
    return baseline_kernels();
}

} // namespace

const Kernels& kernels() {
    static const Kernels& chosen = choose();
    return chosen;
}

} // namespace meshtsne
