// StreamPool: one set of weights, many streams. Chunks of any streams are put together to batches and run by a thread
// of the pool; every stream has its own carried state, and its outputs have the bits that it would have alone.
//
//     pyseq::StreamPool pool(pyseq::Program::load("vad.safetensors"));
//     const auto stream = pool.open();
//     const auto ticket = pool.submit({stream}, {{"x", chunk}});  // chunk: [1, ...], a row per stream
//     const pyseq::Tensor probability = ticket.wait().at("output");
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "pyseq/program.h"

namespace pyseq {

struct StreamPoolOptions {
  std::string function = "step";    // reads and writes carried state
  std::int64_t max_streams = 1024;  // open at the same time
  std::int64_t max_batch = 64;      // streams that one run serves
  std::int64_t max_pending = 4096;  // chunks that wait, of all streams together
};

struct SubmitOptions {
  /// A chunk whose turn has not come until then is dropped, and its ticket fails with DeadlineError.
  std::optional<std::chrono::steady_clock::time_point> deadline;
  /// Where too many chunks wait: wait until there is room (until the deadline), or fail at once with Error.
  bool waits_for_room = true;
};

/// Usable from many threads at once.
class StreamPool {
 public:
  using StreamId = std::int64_t;
  class Ticket;

  /// UnsupportedError: the program has state of another kind than carries. ValueError: no such function, sizes below 1.
  explicit StreamPool(std::shared_ptr<const Program> program, StreamPoolOptions options = {});
  /// Chunks that still wait fail with CancelledError.
  ~StreamPool();
  StreamPool(const StreamPool&) = delete;
  StreamPool& operator=(const StreamPool&) = delete;

  /// A new stream, its state zero. Error: max_streams are open.
  StreamId open();
  /// Its chunks that still wait fail with CancelledError. IndexError: no such stream, as for what follows.
  void close(StreamId stream);
  /// Zero state from the next chunk on that is submitted.
  void reset(StreamId stream);

  /// One chunk for each of some streams: inputs [streams, ...], outputs likewise. A stream's chunks are run in the
  /// order in which they were submitted. ValueError: a stream twice. IndexError: no such stream. ShapeError: other
  /// rows.
  Ticket submit(const std::vector<StreamId>& streams, const NamedTensors& inputs, const SubmitOptions& options = {});

  std::int64_t open_streams() const;
  std::int64_t pending() const;  // chunks that wait
  const StreamPoolOptions& options() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// What was submitted, until it has been run.
class StreamPool::Ticket {
 public:
  /// The outputs [streams, ...]; throws what went wrong. DeadlineError, CancelledError: `limits`, or those of the
  /// chunk.
  NamedTensors wait(const RunLimits& limits = {}) const;
  bool is_done() const;

 private:
  friend class StreamPool;
  struct Submission;
  explicit Ticket(std::shared_ptr<Submission> submission) : submission_(std::move(submission)) {}
  std::shared_ptr<Submission> submission_;
};

}  // namespace pyseq
