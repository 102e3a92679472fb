// What this machine can do at best: multiply-adds in float32, bfloat16 and int8, and reading from each cache level and
// from memory. Usage: limits THREADS. Prints one JSON object, in operations or bytes per second.
#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>
#if defined(__linux__)
#include <sched.h>
#endif
#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace {

#if defined(__AVX512F__)
constexpr int kBytes = 64;
#elif defined(__AVX__)
constexpr int kBytes = 32;
#else
constexpr int kBytes = 16;
#endif
using Vector = float __attribute__((vector_size(kBytes)));
constexpr int kLanes = kBytes / 4;
constexpr int kChains = 12;  // independent sums: enough to hide the latency of a multiply-add
constexpr long kSteps = 400000;
constexpr int kTrials = 40;

double now() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

// The compiler must take `value` as changed: loops are neither folded nor left out.
template <class T>
void opaque(T& value) {
#if defined(__x86_64__)
  asm volatile("" : "+x"(value));
#elif defined(__aarch64__)
  asm volatile("" : "+w"(value));
#endif
}

// Steps on kChains sums, each in a register of its own (an array would be kept in memory).
template <class T, class Step>
void chains(T start, Step step) {
  T a = start, b = start, c = start, d = start, e = start, f = start;
  T g = start, h = start, i = start, j = start, k = start, l = start;
  const auto for_all = [&](auto act) {
    act(a), act(b), act(c), act(d), act(e), act(f), act(g), act(h), act(i), act(j), act(k), act(l);
  };
  for_all([](T& sum) { opaque(sum); });  // they must not be taken for one
  for (long steps = 0; steps < kSteps; ++steps) for_all([&](T& sum) { sum = step(sum); });
  for_all([](T& sum) { opaque(sum); });
}

// Every thread on a processor of its own: trials are too short for the scheduler to sort that out.
void pin(int thread) {
#if defined(__linux__)
  cpu_set_t allowed, own;
  if (sched_getaffinity(0, sizeof allowed, &allowed) != 0) return;
  CPU_ZERO(&own);
  for (int cpu = 0, seen = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &allowed) && seen++ == thread) CPU_SET(cpu, &own);
  }
  if (CPU_COUNT(&own) == 1) sched_setaffinity(0, sizeof own, &own);
#else
  (void)thread;
#endif
}

// Seconds of `body(thread)` on all threads at once, the fastest of some trials.
template <class Body>
double fastest(int threads, const Body& body) {
  double best = 1e30;
  for (int trial = 0; trial < kTrials; ++trial) {
    std::atomic<int> ready{0};
    std::vector<double> begins(threads), ends(threads);
    const auto run = [&](int thread) {
      pin(thread);
      body(thread);  // caches and clock warm up
      ready.fetch_add(1);
      while (ready.load() < threads) std::this_thread::yield();
      begins[thread] = now();
      body(thread);
      ends[thread] = now();
    };
    std::vector<std::thread> others;
    for (int thread = 0; thread < threads; ++thread) others.emplace_back(run, thread);
    for (std::thread& other : others) other.join();
    best =
        std::min(best, *std::max_element(ends.begin(), ends.end()) - *std::min_element(begins.begin(), begins.end()));
  }
  return best;
}

template <class Step, class T>
double arithmetic(int threads, double per_step, T start, Step step) {
  return threads * per_step * kChains * kSteps / fastest(threads, [&](int) { chains(start, step); });
}

void read(const Vector* data, std::size_t count) {
  Vector sums[8] = {};
  for (std::size_t i = 0; i + 8 <= count; i += 8) {
#pragma GCC unroll 8
    for (int j = 0; j < 8; ++j) sums[j] += data[i + j];
  }
  for (Vector& sum : sums) opaque(sum);
}

// Every thread reads a piece of its own, again and again.
double bandwidth(int threads, std::size_t bytes) {
  constexpr std::size_t kLeast = std::size_t{64} << 20;  // read per trial, so that short pieces are timed well
  const std::size_t passes = std::max<std::size_t>(1, kLeast / bytes);
  std::vector<Vector*> pieces(threads);
  for (Vector*& piece : pieces) {
    piece = static_cast<Vector*>(std::aligned_alloc(4096, bytes));
    if (!piece) std::abort();
    std::fill_n(reinterpret_cast<float*>(piece), bytes / 4, 1.0f);
  }
  const double seconds = fastest(threads, [&](int thread) {
    for (std::size_t pass = 0; pass < passes; ++pass) read(pieces[thread], bytes / kBytes);
  });
  for (Vector* piece : pieces) std::free(piece);
  return static_cast<double>(threads * passes * bytes) / seconds;
}

}  // namespace

int main(int argc, char** argv) {
  const int threads = argc > 1 ? std::max(1, std::atoi(argv[1])) : 1;
  std::printf("{\"float32\": %.4g", arithmetic(threads, 2.0 * kLanes, Vector{}, [](Vector sum) {
                return sum * 0.999f + 0.999f;  // one instruction under -ffp-contract=fast
              }));
#if defined(__AVX512BF16__)
  std::printf(", \"bfloat16\": %.4g", arithmetic(threads, 64.0, _mm512_setzero_ps(), [](__m512 sum) {
                const __m512bh ones = reinterpret_cast<__m512bh>(_mm512_set1_epi32(0x3f803f80));
                return _mm512_dpbf16_ps(sum, ones, ones);
              }));
#endif
#if defined(__AVX512VNNI__)
  std::printf(", \"int8\": %.4g", arithmetic(threads, 128.0, _mm512_setzero_si512(), [](__m512i sum) {
                const __m512i ones = _mm512_set1_epi8(1);
                return _mm512_dpbusd_epi32(sum, ones, ones);
              }));
#endif
  constexpr std::size_t kKiB = 1024;
  std::printf(", \"l1\": %.4g, \"l2\": %.4g", bandwidth(threads, 24 * kKiB), bandwidth(threads, 512 * kKiB));
  std::printf(", \"l3\": %.4g, \"memory\": %.4g}\n", bandwidth(threads, 8192 * kKiB),
              bandwidth(threads, 262144 * kKiB));
}
