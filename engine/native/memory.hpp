// Arrays that are aligned for vector loads and not initialized (the thread that fills a page
// touches it first); large arrays use large pages if the system has them.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdlib>
#include <memory>
#include <mutex>
#include <new>
#include <utility>
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

// Memory for many pieces, from chunks that are used again after all their pieces are released: a
// page fault costs more than writing to the page. `take` and `release` are safe to call from
// several threads.
class Arena {
  public:
    explicit Arena(std::size_t chunk) : chunk_(chunk) {}

    struct Piece {
        std::byte* memory = nullptr;
        std::size_t chunk = 0;
    };

    Piece take(std::size_t bytes) {
        bytes = (bytes + kCacheLine - 1) / kCacheLine * kCacheLine;
        std::lock_guard lock(mutex_);
        if (chunks_.empty() || used_ + bytes > chunks_[current_].bytes) open(bytes);
        std::byte* taken = chunks_[current_].memory.get() + used_;
        used_ += bytes;
        ++chunks_[current_].n_pieces;
        return {taken, current_};
    }

    void release(const Piece& piece) {
        std::lock_guard lock(mutex_);
        if (--chunks_[piece.chunk].n_pieces == 0 && piece.chunk != current_)
            free_.push_back(piece.chunk);
    }

    // Keeps at most this number of bytes of unused chunks.
    void trim(std::size_t most) {
        std::lock_guard lock(mutex_);
        std::size_t kept = 0;
        std::erase_if(free_, [&](std::size_t number) {
            if (kept + chunks_[number].bytes <= most) {
                kept += chunks_[number].bytes;
                return false;
            }
            chunks_[number].memory.reset();
            return true;
        });
    }

  private:
    struct Chunk {
        Buffer<std::byte> memory;
        std::size_t bytes, n_pieces;
    };

    // Starts a chunk with room for a piece.
    void open(std::size_t bytes) {
        if (!chunks_.empty() && chunks_[current_].n_pieces == 0) free_.push_back(current_);
        used_ = 0;
        for (std::size_t& number : free_) {
            if (chunks_[number].bytes < bytes) continue;
            current_ = std::exchange(number, free_.back());
            free_.pop_back();
            return;
        }
        const std::size_t size = std::max(bytes, chunk_);
        chunks_.push_back({buffer<std::byte>(size), size, 0});
        current_ = chunks_.size() - 1;
    }

    std::mutex mutex_;
    std::vector<Chunk> chunks_;
    std::vector<std::size_t> free_;              // chunks without pieces, but not the current one
    std::size_t chunk_, current_ = 0, used_ = 0; // bytes used of the current chunk
};

} // namespace meshtsne
