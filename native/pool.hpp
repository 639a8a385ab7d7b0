// A small pool of threads. Tasks are numbered, and what a task computes may not depend on which
// thread runs it: that is how results come out the same whatever the number of threads.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <vector>

namespace featscape {

class Pool {
  public:
    explicit Pool(int n_threads) {
        for (int i = 1; i < n_threads; ++i) workers_.emplace_back([this, i] { work(i); });
    }

    ~Pool() {
        {
            std::lock_guard lock(mutex_);
            stopping_ = true;
            generation_.fetch_add(1, std::memory_order_release);
        }
        wake_.notify_all();
        for (auto& worker : workers_) worker.join();
    }

    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    int size() const { return static_cast<int>(workers_.size()) + 1; }

    // Calls task(0) .. task(n_tasks - 1), each once, and returns when all have ended.
    template <class Task> void run(std::int64_t n_tasks, const Task& task) {
        run_with_thread(n_tasks, [&task](std::int64_t i, int) { task(i); });
    }

    // The same with the thread's number, 0 .. size() - 1, as a second argument: for scratch space.
    template <class Task> void run_with_thread(std::int64_t n_tasks, const Task& task) {
        if (workers_.empty() || n_tasks <= 1) {
            for (std::int64_t i = 0; i < n_tasks; ++i) task(i, 0);
            return;
        }
        call_ = [](const void* t, std::int64_t i, int thread) {
            (*static_cast<const Task*>(t))(i, thread);
        };
        task_ = &task;
        n_tasks_ = n_tasks;
        next_.store(0, std::memory_order_relaxed);
        busy_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
        {
            std::lock_guard lock(mutex_);
            generation_.fetch_add(1, std::memory_order_release);
        }
        wake_.notify_all();
        drain(0);
        if (!spin([this] { return busy_.load(std::memory_order_acquire) == 0; })) {
            std::unique_lock lock(mutex_);
            done_.wait(lock, [this] { return busy_.load(std::memory_order_acquire) == 0; });
        }
    }

  private:
    // A few microseconds of waiting awake: passes of one iteration follow one another closely.
    template <class Ready> static bool spin(const Ready& ready) {
        for (int i = 0; i < 4000; ++i) {
            if (ready()) return true;
#if defined(__x86_64__) || defined(__i386__)
            __builtin_ia32_pause();
#elif defined(__aarch64__)
            asm volatile("yield");
#endif
        }
        return ready();
    }

    void drain(int thread) {
        for (;;) {
            const std::int64_t i = next_.fetch_add(1, std::memory_order_relaxed);
            if (i >= n_tasks_) return;
            call_(task_, i, thread);
        }
    }

    void work(int thread) {
        std::uint64_t seen = 0;
        for (;;) {
            const auto called = [&] { return generation_.load(std::memory_order_acquire) != seen; };
            if (!spin(called)) {
                std::unique_lock lock(mutex_);
                wake_.wait(lock, called);
            }
            seen = generation_.load(std::memory_order_acquire);
            if (stopping_) return;
            drain(thread);
            if (busy_.fetch_sub(1, std::memory_order_acq_rel) == 1) {
                std::lock_guard lock(mutex_);
                done_.notify_one();
            }
        }
    }

    std::vector<std::thread> workers_;
    std::mutex mutex_;
    std::condition_variable wake_, done_;
    std::atomic<std::uint64_t> generation_{0};
    std::atomic<std::int64_t> next_{0};
    std::atomic<int> busy_{0};
    bool stopping_ = false;
    void (*call_)(const void*, std::int64_t, int) = nullptr;
    const void* task_ = nullptr;
    std::int64_t n_tasks_ = 0;
};

} // namespace featscape
