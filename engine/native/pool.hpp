// A small pool of threads. Tasks are numbered, and the result of a task must not depend on the
// thread that runs it, so that results do not depend on the number of threads.
#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <exception>
#include <mutex>
#include <thread>
#include <vector>

namespace meshtsne {

class Pool {
  public:
    explicit Pool(int n_threads) {
        try {
            for (int i = 1; i < n_threads; ++i) workers_.emplace_back([this, i] { work(i); });
        } catch (...) { // the system has no more threads
            stop();
            throw;
        }
    }

    ~Pool() { stop(); }

    Pool(const Pool&) = delete;
    Pool& operator=(const Pool&) = delete;

    int size() const { return static_cast<int>(workers_.size()) + 1; }

    // Calls task(0) .. task(n_tasks - 1) once each, and returns after all tasks have ended.
    // Rethrows one of the exceptions of the tasks. Concurrent callers wait for one another.
    template <class Task> void run(std::int64_t n_tasks, const Task& task) {
        run_with_thread(n_tasks, [&task](std::int64_t i, int) { task(i); });
    }

    // Calls task(c, begin, end) for the chunks c of 0 .. n. The chunks do not depend on the number
    // of threads, so sums over chunks do not either.
    template <class Task> void run_chunks(std::int64_t n, std::int64_t chunk, const Task& task) {
        run((n + chunk - 1) / chunk,
            [&](std::int64_t c) { task(c, c * chunk, std::min(n, (c + 1) * chunk)); });
    }

    // As `run`, with the number of the thread, 0 .. size() - 1, as a second argument, for scratch
    // memory.
    template <class Task> void run_with_thread(std::int64_t n_tasks, const Task& task) {
        if (workers_.empty() || n_tasks <= 1) {
            for (std::int64_t i = 0; i < n_tasks; ++i) task(i, 0);
            return;
        }
        std::lock_guard one_caller(callers_);
        error_ = nullptr;
        call_ = [](const void* t, std::int64_t i, int thread) {
            (*static_cast<const Task*>(t))(i, thread);
        };
        task_ = &task;
        n_tasks_ = n_tasks;
        unfinished_.store(n_tasks);
        unclaimed_.store(n_tasks);
        if (sleepers_.load() > 0) {
            std::lock_guard lock(mutex_); // a worker about to sleep has seen the tasks, or sleeps
            wake_.notify_all();
        }
        while (claim_and_run(0)) {
        }
        // The remaining tasks run in other threads. A thread that is still asleep has no task.
        for (int waited = 0; unfinished_.load() > 0; ++waited) wait_awake(waited);
        if (error_) std::rethrow_exception(error_);
    }

  private:
    void stop() {
        {
            std::lock_guard lock(mutex_);
            stopping_.store(true);
        }
        wake_.notify_all();
        for (auto& worker : workers_) worker.join();
    }

    // The passes of an iteration follow within microseconds, and a sleeping thread may wake late or
    // on the core of the caller. So idle threads stay awake for about 200 microseconds. They yield,
    // because with too few cores the thread that they wait for may need their core.
    static constexpr int kPauses = 100, kYields = 400;

    static void wait_awake(int waited) {
        if (waited >= kPauses) return std::this_thread::yield();
#if defined(__x86_64__) || defined(__i386__)
        __builtin_ia32_pause();
#elif defined(__aarch64__)
        asm volatile("yield");
#endif
    }

    // A run does not end before its claimed tasks, so its data stays valid for them.
    bool claim_and_run(int thread) {
        std::int64_t left = unclaimed_.load();
        while (left > 0) {
            if (!unclaimed_.compare_exchange_weak(left, left - 1)) continue;
            try {
                call_(task_, n_tasks_ - left, thread);
            } catch (...) {
                std::lock_guard lock(mutex_);
                error_ = std::current_exception();
            }
            unfinished_.fetch_sub(1);
            return true;
        }
        return false;
    }

    void work(int thread) {
        for (int idle = 0; !stopping_.load();) {
            if (claim_and_run(thread)) {
                idle = 0;
            } else if (++idle < kPauses + kYields) {
                wait_awake(idle);
            } else {
                std::unique_lock lock(mutex_);
                sleepers_.fetch_add(1);
                wake_.wait(lock, [this] { return unclaimed_.load() > 0 || stopping_.load(); });
                sleepers_.fetch_sub(1);
                idle = 0;
            }
        }
    }

    std::vector<std::thread> workers_;
    std::mutex mutex_, callers_;
    std::exception_ptr error_;
    std::condition_variable wake_;
    std::atomic<std::int64_t> unclaimed_{0}, unfinished_{0};
    std::atomic<int> sleepers_{0};
    std::atomic<bool> stopping_{false};
    void (*call_)(const void*, std::int64_t, int) = nullptr;
    const void* task_ = nullptr;
    std::int64_t n_tasks_ = 0;
};

} // namespace meshtsne
