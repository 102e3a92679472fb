#include "pyseq/generation_service.h"

#include <deque>
#include <span>
#include <string>
#include <thread>
#include <utility>

#include "base/fork.h"
#include "base/thread_start.h"
#include "base/threads.h"
#include "decode/prompt_reader.h"
#include "decode/serving/prompt_cache.h"
#include "decode/serving/request.h"
#include "decode/serving/running_batch.h"

namespace pyseq {
namespace {

using Request = std::shared_ptr<GenerationRequest::Impl>;

/// A text whose prompt is being read.
struct Reading {
  Request request;
  State state;
  std::int64_t read = 0;  // tokens

  /// All but the last token, which the running batch reads.
  std::int64_t left() const { return static_cast<std::int64_t>(request->prompt.size()) - 1 - read; }
};

}  // namespace

/// The thread of a service takes requests from the queue, reads their prompts part by part between the steps of the
/// running batch (so that a long prompt does not hold up the others), and lets them join.
struct GenerationService::Impl {
  Impl(Generator given, const ServiceOptions& options)
      : generator(std::move(given)),
        options(options),
        session(generator.shared_program()),
        batch(session, generator.vocabulary().size()),
        cache(options.prompt_cache_bytes) {}

  void serve();
  bool wait_for_work();
  void serve_while_busy();
  void admit();
  void read_prompts();
  void read_part(Reading& reading);
  void report();
  void end_all(const std::exception_ptr& error);
  bool has_waiting() const;

  const Generator generator;
  const ServiceOptions options;

  // The thread's own.
  Session session;
  RunningBatch batch;
  PromptCache cache;
  std::deque<Reading> reading;
  ServiceStatistics counts;

  // Shared, under the mutex.
  mutable std::mutex mutex;
  std::condition_variable changed;
  std::deque<Request> waiting;
  ServiceStatistics statistics;
  bool is_closed = false;

  const int generation = fork_generation();
  std::mutex closing;
  std::optional<std::thread> thread;
};

bool GenerationService::Impl::wait_for_work() {
  std::unique_lock lock(mutex);
  changed.wait(lock, [&] { return is_closed || !waiting.empty(); });
  return !is_closed;
}

bool GenerationService::Impl::has_waiting() const {
  const std::lock_guard lock(mutex);
  return is_closed || !waiting.empty();
}

void GenerationService::Impl::serve() {
  while (wait_for_work()) {
    try {
      with_team([&] { serve_while_busy(); });  // the workers stay awake from step to step
    } catch (...) {
      end_all(std::current_exception());
    }
  }
  end_all(std::make_exception_ptr(CancelledError("generate: the service was closed")));
}

void GenerationService::Impl::serve_while_busy() {
  while (true) {
    {
      const std::lock_guard lock(mutex);
      if (is_closed) return;
    }
    admit();
    read_prompts();
    batch.drop_cancelled();
    if (batch.rows() > 0) {
      ++counts.steps;
      counts.row_steps += batch.rows();
      report();  // before anyone is told that a text is done
      batch.step();
    }
    report();
    if (batch.rows() == 0 && reading.empty() && !has_waiting()) return;
  }
}

/// Requests get rows in the order in which they came; those that have been cancelled, or are late, get none.
void GenerationService::Impl::admit() {
  const std::lock_guard lock(mutex);
  std::erase_if(waiting, [](const Request& request) {
    try {
      request->check();
      return false;
    } catch (const Error&) {
      request->end(std::current_exception());
      return true;
    }
  });
  while (!waiting.empty() && batch.rows() + static_cast<std::int64_t>(reading.size()) < options.max_rows) {
    reading.push_back({std::move(waiting.front()), State(), 0});
    waiting.pop_front();
  }
}

/// Reads about kTokensAtOnce tokens of prompts, and lets those join that are read.
void GenerationService::Impl::read_prompts() {
  std::int64_t tokens = 0;
  while (!reading.empty() && tokens < kTokensAtOnce) {
    Reading& first = reading.front();
    const std::int64_t read_before = counts.prompt_tokens_read;
    try {
      first.request->check();
      read_part(first);
      tokens += counts.prompt_tokens_read - read_before + 1;
      if (first.left() > 0) continue;
      batch.join(first.request, std::move(first.state));
    } catch (const Error&) {
      first.request->end(std::current_exception());
    }
    reading.pop_front();
  }
}

/// One page of a prompt, or what is left of it; before the first one, what the cache has.
void GenerationService::Impl::read_part(Reading& reading) {
  const std::vector<std::int64_t>& prompt = reading.request->prompt;
  if (reading.read == 0) {
    auto found = cache.find(std::span(prompt).first(prompt.size() - 1));
    reading.state = found ? std::move(found->state) : session.new_state(1);
    reading.read = found ? found->tokens : 0;
    counts.prompt_tokens_reused += reading.read;
  }
  const std::int64_t part = std::min(reading.left(), cache.is_enabled() ? PromptCache::kPage : kTokensAtOnce);
  if (part == 0) return;
  const std::vector<std::int64_t>* const row = &prompt;
  read_tokens(session, reading.state, {&row, 1}, reading.read, reading.read + part, reading.request->limits);
  reading.read += part;
  counts.prompt_tokens_read += part;
  if (part == PromptCache::kPage && reading.read % PromptCache::kPage == 0) {
    cache.keep(std::span(prompt).first(static_cast<std::size_t>(reading.read)), reading.state);
  }
}

void GenerationService::Impl::report() {
  counts.running = batch.rows() + static_cast<std::int64_t>(reading.size());
  counts.prompt_cache_bytes = cache.bytes();
  const std::lock_guard lock(mutex);
  statistics = counts;
}

void GenerationService::Impl::end_all(const std::exception_ptr& error) {
  batch.end(error);
  for (Reading& one : reading) one.request->end(error);
  reading.clear();
  std::deque<Request> left;
  {
    const std::lock_guard lock(mutex);
    if (is_closed) left.swap(waiting);
  }
  for (const Request& request : left) request->end(error);
  report();
}

GenerationService::GenerationService(Generator generator, const ServiceOptions& options) {
  if (options.max_rows < 1) {
    throw ValueError("serve: max_rows is " + std::to_string(options.max_rows) + ", expected at least 1");
  }
  impl_ = std::make_unique<Impl>(std::move(generator), options);
  impl_->thread = start_thread([impl = impl_.get()] { impl->serve(); });
  if (!impl_->thread) throw UnsupportedError("serve: the system gives no thread");
}

GenerationService::~GenerationService() {
  close();
  // In a child of fork() the thread does not exist: what it would have used is left alone.
  if (impl_->generation != fork_generation()) static_cast<void>(impl_.release());
}

std::unique_ptr<GenerationRequest> GenerationService::submit(std::string_view prompt,
                                                             const GenerationOptions& options) {
  RunLimits limits;
  limits.deadline = options.limits.deadline;
  std::vector<std::int64_t> ids = impl_->generator.encode_prompt(prompt);
  TextWriter writer(impl_->generator, options, ids.size(), prompt.empty());
  auto request = std::make_shared<GenerationRequest::Impl>(std::move(ids), std::move(writer), limits);
  if (impl_->generation != fork_generation()) {
    throw ValueError("generate: the service belongs to the process that this one was forked from");
  }
  {
    const std::lock_guard lock(impl_->mutex);
    if (impl_->is_closed) throw ValueError("generate: the service is closed");
    impl_->waiting.push_back(request);
  }
  impl_->changed.notify_one();
  return std::unique_ptr<GenerationRequest>(new GenerationRequest(std::move(request)));
}

ServiceStatistics GenerationService::statistics() const {
  const std::lock_guard lock(impl_->mutex);
  ServiceStatistics result = impl_->statistics;
  result.waiting = static_cast<std::int64_t>(impl_->waiting.size());
  return result;
}

void GenerationService::close() {
  if (impl_->generation != fork_generation()) return;
  const std::lock_guard closing(impl_->closing);
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->is_closed = true;
  }
  impl_->changed.notify_one();
  if (impl_->thread && impl_->thread->joinable()) impl_->thread->join();
}

}  // namespace pyseq
