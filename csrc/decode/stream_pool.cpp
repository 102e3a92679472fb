#include "pyseq/stream_pool.h"

#include <algorithm>
#include <condition_variable>
#include <cstring>
#include <deque>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>

#include "graph/state_impl.h"

namespace pyseq {

using Clock = std::chrono::steady_clock;

/// Guarded by its own mutex, so that a ticket may outlive the pool.
struct StreamPool::Ticket::Submission {
  std::vector<StreamId> streams;
  NamedTensors inputs;
  std::optional<Clock::time_point> deadline;

  std::mutex mutex;
  std::condition_variable finished;
  NamedTensors outputs;
  std::int64_t left = 0;  // rows that have not been run
  std::exception_ptr error;

  bool is_done() const { return left == 0 || error != nullptr; }

  void fail(std::exception_ptr reason) {
    const std::lock_guard lock(mutex);
    if (is_done()) return;
    error = std::move(reason);
    finished.notify_all();
  }

  /// Inputs of the same names, types and sizes of a row: both may stand in one batch.
  bool goes_with(const Submission& other) const {
    return std::equal(inputs.begin(), inputs.end(), other.inputs.begin(), other.inputs.end(),
                      [](const auto& a, const auto& b) {
                        return a.first == b.first && a.second.dtype() == b.second.dtype() &&
                               a.second.shape().with(0, 0) == b.second.shape().with(0, 0);
                      });
  }
};

NamedTensors StreamPool::Ticket::wait(const RunLimits& limits) const {
  constexpr std::chrono::milliseconds kBetweenLooks{20};
  Submission& submission = *submission_;
  std::unique_lock lock(submission.mutex);
  while (!submission.is_done()) {
    lock.unlock();
    limits.check();
    lock.lock();
    submission.finished.wait_for(lock, kBetweenLooks, [&] { return submission.is_done(); });
  }
  if (submission.error != nullptr) std::rethrow_exception(submission.error);
  return submission.outputs;
}

bool StreamPool::Ticket::is_done() const {
  const std::lock_guard lock(submission_->mutex);
  return submission_->is_done();
}

namespace {

/// Plans are kept per batch size: few sizes, so that all of them stay there. Rows beyond the streams are zero.
std::int64_t padded_batch(std::int64_t count) {
  if (count > 8) return (count + 7) / 8 * 8;
  return count > 4 ? 8 : count > 2 ? 4 : count;
}

void copy_row(const Tensor& from, std::int64_t from_row, Tensor& to, std::int64_t to_row) {
  const std::size_t bytes = from.size(0) == 0 ? 0 : from.num_bytes() / static_cast<std::size_t>(from.size(0));
  std::memcpy(static_cast<std::byte*>(to.mutable_raw()) + static_cast<std::size_t>(to_row) * bytes,
              static_cast<const std::byte*>(from.raw()) + static_cast<std::size_t>(from_row) * bytes, bytes);
}

void zero_row(Tensor& tensor, std::int64_t row) {
  const std::size_t bytes = tensor.num_bytes() / static_cast<std::size_t>(tensor.size(0));
  std::memset(static_cast<std::byte*>(tensor.mutable_raw()) + static_cast<std::size_t>(row) * bytes, 0, bytes);
}

void check_options(const Program& program, const StreamPoolOptions& options) {
  program.check_function(options.function);
  for (const StateInfo& info : program.state()) {
    if (info.kind == StateKind::carry) continue;
    throw UnsupportedError("stream_pool: the program has the " + std::string(state_kind_name(info.kind)) + " \"" +
                           info.name + "\", expected carries alone");
  }
  if (options.max_streams < 1 || options.max_batch < 1 || options.max_pending < 1) {
    throw ValueError("stream_pool: max_streams, max_batch and max_pending are " + std::to_string(options.max_streams) +
                     ", " + std::to_string(options.max_batch) + " and " + std::to_string(options.max_pending) +
                     ", expected at least 1");
  }
}

}  // namespace

struct StreamPool::Impl {
  using SubmissionPtr = std::shared_ptr<Ticket::Submission>;

  /// One chunk of one stream, or, without a submission, the wish that its state be zero.
  struct Request {
    StreamId stream;
    SubmissionPtr submission;
    std::int64_t row;
  };

  std::shared_ptr<const Program> program;
  StreamPoolOptions options;

  std::mutex mutex;
  std::condition_variable work_came, room_came;
  std::deque<Request> queue;
  std::vector<std::uint8_t> is_open;  // per stream
  std::vector<StreamId> free_streams;
  std::int64_t waiting = 0;  // chunks in the queue
  bool stops = false;

  // What the thread alone touches.
  std::vector<Tensor> carries;        // [max_streams, ...], one per state
  std::vector<std::int64_t> seen_in;  // per stream: the walk that met it last
  std::int64_t walk = 0;
  std::unique_ptr<Session> session;
  std::thread thread;

  void check_stream(StreamId stream) const {
    if (stream >= 0 && stream < options.max_streams && is_open[static_cast<std::size_t>(stream)] != 0) return;
    throw IndexError("stream_pool: stream " + std::to_string(stream) + " is not open");
  }

  void serve() {
    std::unique_lock lock(mutex);
    while (true) {
      work_came.wait(lock, [&] { return stops || !queue.empty(); });
      if (stops) return;
      const std::vector<Request> batch = take_batch();
      room_came.notify_all();
      lock.unlock();
      if (!batch.empty()) run(batch);
      lock.lock();
    }
  }

  /// The first chunk that waits, and others that go with it, at most one of each stream and none before an earlier one
  /// of its stream. Resets are done on the way.
  std::vector<Request> take_batch() {
    std::vector<Request> batch;
    std::deque<Request> passed_over;
    ++walk;
    while (!queue.empty() && static_cast<std::int64_t>(batch.size()) < options.max_batch) {
      Request request = std::move(queue.front());
      queue.pop_front();
      std::int64_t& seen = seen_in[static_cast<std::size_t>(request.stream)];
      const bool is_first = seen != walk;
      if (request.submission == nullptr && is_first) {
        for (Tensor& carry : carries) zero_row(carry, request.stream);
      } else if (request.submission != nullptr && is_first && is_late(request)) {
        --waiting;
      } else if (request.submission != nullptr && is_first &&
                 (batch.empty() || request.submission->goes_with(*batch.front().submission))) {
        seen = walk;
        --waiting;
        batch.push_back(std::move(request));
      } else {
        seen = walk;
        passed_over.push_back(std::move(request));
      }
    }
    queue.insert(queue.begin(), std::make_move_iterator(passed_over.begin()),
                 std::make_move_iterator(passed_over.end()));
    return batch;
  }

  bool is_late(const Request& request) const {
    if (!request.submission->deadline || Clock::now() <= *request.submission->deadline) return false;
    request.submission->fail(std::make_exception_ptr(DeadlineError(
        "stream_pool: stream " + std::to_string(request.stream) + ": the chunk waited until its deadline")));
    return true;
  }

  void run(const std::vector<Request>& batch) {
    try {
      run_together(batch);
    } catch (...) {
      if (batch.size() == 1) return batch.front().submission->fail(std::current_exception());
      for (const Request& request : batch) run({request});  // whose fault it is must not harm the others
    }
  }

  void run_together(const std::vector<Request>& batch) {
    const auto count = static_cast<std::int64_t>(batch.size());
    const std::int64_t rows = padded_batch(count);
    NamedTensors inputs;
    for (const auto& [name, tensor] : batch.front().submission->inputs) {
      Tensor joined = Tensor::zeros(tensor.dtype(), tensor.shape().with(0, rows));
      for (std::int64_t row = 0; row < count; ++row) {
        const Request& request = batch[static_cast<std::size_t>(row)];
        copy_row(request.submission->inputs.find(name)->second, request.row, joined, row);
      }
      inputs.emplace(name, std::move(joined));
    }
    State state = session->new_state(rows);
    std::vector<Tensor>& tensors = state.impl().tensors;
    for (std::size_t i = 0; i < carries.size(); ++i) {
      for (std::int64_t row = 0; row < count; ++row) {
        copy_row(carries[i], batch[static_cast<std::size_t>(row)].stream, tensors[i], row);
      }
    }
    const RunResult result = session->run(options.function, inputs, &state);
    for (const auto& [name, tensor] : result.outputs) {
      if (tensor.rank() > 0 && tensor.size(0) == rows) continue;
      throw UnsupportedError("stream_pool: output \"" + name + "\" has shape " + tensor.shape().to_string() +
                             ", expected a row per stream");
    }
    for (std::size_t i = 0; i < carries.size(); ++i) {
      for (std::int64_t row = 0; row < count; ++row) {
        copy_row(state.impl().tensors[i], row, carries[i], batch[static_cast<std::size_t>(row)].stream);
      }
    }
    for (std::int64_t row = 0; row < count; ++row) hand_out(result, row, batch[static_cast<std::size_t>(row)]);
  }

  static void hand_out(const RunResult& result, std::int64_t row, const Request& request) {
    Ticket::Submission& submission = *request.submission;
    const std::lock_guard lock(submission.mutex);
    if (submission.is_done()) return;
    const auto streams = static_cast<std::int64_t>(submission.streams.size());
    for (const auto& [name, tensor] : result.outputs) {
      Tensor& output = submission.outputs[name];
      if (!output.defined()) output = Tensor::empty(tensor.dtype(), tensor.shape().with(0, streams));
      copy_row(tensor, row, output, request.row);
    }
    if (--submission.left == 0) submission.finished.notify_all();
  }

  /// Takes chunks out of the queue and lets them fail.
  template <typename Predicate>
  void drop(Predicate is_chosen, const std::string& reason) {
    for (const Request& request : queue) {
      if (request.submission == nullptr || !is_chosen(request)) continue;
      --waiting;
      request.submission->fail(std::make_exception_ptr(
          CancelledError("stream_pool: stream " + std::to_string(request.stream) + " " + reason)));
    }
    std::erase_if(queue, is_chosen);
  }
};

StreamPool::StreamPool(std::shared_ptr<const Program> program, StreamPoolOptions options)
    : impl_(std::make_unique<Impl>()) {
  check_options(*program, options);
  const auto streams = static_cast<std::size_t>(options.max_streams);
  for (const StateInfo& info : program->state()) impl_->carries.push_back(initial_carry(info, options.max_streams));
  impl_->is_open.assign(streams, 0);
  impl_->seen_in.assign(streams, 0);
  for (StreamId stream = options.max_streams; stream-- > 0;) impl_->free_streams.push_back(stream);
  impl_->session = std::make_unique<Session>(program);
  impl_->program = std::move(program);
  impl_->options = std::move(options);
  impl_->thread = std::thread([impl = impl_.get()] { impl->serve(); });
}

StreamPool::~StreamPool() {
  {
    const std::lock_guard lock(impl_->mutex);
    impl_->stops = true;
    impl_->drop([](const Impl::Request&) { return true; }, "was closed with its pool");
  }
  impl_->work_came.notify_all();
  impl_->room_came.notify_all();
  impl_->thread.join();
}

StreamPool::StreamId StreamPool::open() {
  const std::lock_guard lock(impl_->mutex);
  if (impl_->free_streams.empty()) {
    throw Error("stream_pool: " + std::to_string(impl_->options.max_streams) +
                " streams are open, as many as there may be");
  }
  const StreamId stream = impl_->free_streams.back();
  impl_->free_streams.pop_back();
  impl_->is_open[static_cast<std::size_t>(stream)] = 1;
  impl_->queue.push_back({stream, nullptr, 0});  // behind what an earlier stream of this number left running
  impl_->work_came.notify_one();
  return stream;
}

void StreamPool::close(StreamId stream) {
  const std::lock_guard lock(impl_->mutex);
  impl_->check_stream(stream);
  impl_->drop([&](const Impl::Request& request) { return request.stream == stream; }, "was closed");
  impl_->is_open[static_cast<std::size_t>(stream)] = 0;
  impl_->free_streams.push_back(stream);
  impl_->room_came.notify_all();
}

void StreamPool::reset(StreamId stream) {
  const std::lock_guard lock(impl_->mutex);
  impl_->check_stream(stream);
  impl_->queue.push_back({stream, nullptr, 0});
  impl_->work_came.notify_one();
}

StreamPool::Ticket StreamPool::submit(const std::vector<StreamId>& streams, const NamedTensors& inputs,
                                      const SubmitOptions& options) {
  const auto count = static_cast<std::int64_t>(streams.size());
  for (const auto& [name, tensor] : inputs) {
    if (tensor.rank() > 0 && tensor.size(0) == count && !tensor.is_packed()) continue;
    throw ShapeError("stream_pool: " + name + " has shape " + tensor.shape().to_string() + ", expected " +
                     std::to_string(count) + " rows, one for each stream");
  }
  std::vector<StreamId> sorted = streams;
  std::sort(sorted.begin(), sorted.end());
  const auto twice = std::adjacent_find(sorted.begin(), sorted.end());
  if (twice != sorted.end()) {
    throw ValueError("stream_pool: stream " + std::to_string(*twice) + " has two chunks, expected one in a submission");
  }
  auto submission = std::make_shared<Ticket::Submission>();
  submission->streams = streams;
  submission->deadline = options.deadline;
  submission->left = count;
  for (const auto& [name, tensor] : inputs) submission->inputs.emplace(name, tensor.copy());

  std::unique_lock lock(impl_->mutex);
  const auto has_room = [&] {
    return impl_->stops || impl_->waiting + count <= impl_->options.max_pending || impl_->waiting == 0;
  };
  if (!has_room()) {
    if (!options.waits_for_room) {
      throw Error("stream_pool: " + std::to_string(impl_->waiting) + " chunks wait, and there may be " +
                  std::to_string(impl_->options.max_pending));
    }
    if (!options.deadline) {
      impl_->room_came.wait(lock, has_room);
    } else if (!impl_->room_came.wait_until(lock, *options.deadline, has_room)) {
      throw DeadlineError("stream_pool: there was no room for the chunks until their deadline");
    }
  }
  if (impl_->stops) throw CancelledError("stream_pool: the pool is closed");
  for (const StreamId stream : streams) impl_->check_stream(stream);
  for (std::int64_t row = 0; row < count; ++row) {
    impl_->queue.push_back({streams[static_cast<std::size_t>(row)], submission, row});
  }
  impl_->waiting += count;
  impl_->work_came.notify_one();
  return Ticket(std::move(submission));
}

std::int64_t StreamPool::open_streams() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->options.max_streams - static_cast<std::int64_t>(impl_->free_streams.size());
}

std::int64_t StreamPool::pending() const {
  const std::lock_guard lock(impl_->mutex);
  return impl_->waiting;
}

const StreamPoolOptions& StreamPool::options() const {
  return impl_->options;
}

}  // namespace pyseq
