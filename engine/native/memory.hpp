// Arrays that are aligned for vector loads and not initialized (the thread that fills a page
// touches it first); large arrays use large pages if the system has them.
#pragma once

#include <cstddef>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <vector>

#ifdef __linux__
#include <sys/mman.h>
#endif

namespace meshtsne {

constexpr std::size_t kCacheLine = 64, kLargePage = std::size_t{1} << 21;

inline void* allocate(std::size_t bytes) {
    const std::size_t alignment = bytes < 2 * kLargePage ? kCacheLine : kLargePage;
    const std::size_t rounded = (bytes + alignment - 1) / alignment * alignment;
    void* p = std::aligned_alloc(alignment, rounded > 0 ? rounded : alignment);
    if (p == nullptr) throw std::bad_alloc();
#ifdef __linux__
    // A hint: if the system ignores it, the program is only slower.
    if (alignment == kLargePage) madvise(p, rounded, MADV_HUGEPAGE);
#endif
    return p;
}

struct Free {
    void operator()(void* p) const noexcept { std::free(p); }
};
template <class T> using Buffer = std::unique_ptr<T[], Free>;
template <class T> Buffer<T> buffer(std::size_t n) {
    return Buffer<T>(static_cast<T*>(allocate(n * sizeof(T))));
}

// An allocator for std::vector, which initializes its elements.
template <class T> struct Allocator {
    using value_type = T;
    Allocator() = default;
    template <class U> Allocator(const Allocator<U>&) {}
    T* allocate(std::size_t n) { return static_cast<T*>(meshtsne::allocate(n * sizeof(T))); }
    void deallocate(T* p, std::size_t) noexcept { std::free(p); }
    template <class U> bool operator==(const Allocator<U>&) const { return true; }
};
template <class T> using Array = std::vector<T, Allocator<T>>;

// Memory for many arrays that are released together. `take` is safe to call from several threads.
class Arena {
  public:
    explicit Arena(std::size_t chunk) : chunk_(chunk) {}

    template <class T> T* take(std::size_t n) {
        const std::size_t bytes = (n * sizeof(T) + kCacheLine - 1) / kCacheLine * kCacheLine;
        std::lock_guard lock(mutex_);
        while (in_use_ == 0 || used_ + bytes > chunks_[in_use_ - 1].bytes) {
            if (in_use_ == chunks_.size()) {
                const std::size_t size = bytes > chunk_ ? bytes : chunk_;
                chunks_.push_back({buffer<std::byte>(size), size});
            }
            ++in_use_;
            used_ = 0;
        }
        std::byte* taken = chunks_[in_use_ - 1].memory.get() + used_;
        used_ += bytes;
        return reinterpret_cast<T*>(taken);
    }

    // Releases all arrays and keeps the memory for later arrays: a page fault costs more than
    // writing to the page.
    void clear() { in_use_ = used_ = 0; }

  private:
    struct Chunk {
        Buffer<std::byte> memory;
        std::size_t bytes;
    };
    std::mutex mutex_;
    std::vector<Chunk> chunks_;
    std::size_t chunk_, in_use_ = 0, used_ = 0; // chunks in use, and bytes used of the last chunk
};

} // namespace meshtsne
