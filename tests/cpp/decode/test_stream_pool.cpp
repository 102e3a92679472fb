// Streams through one set of weights: the bits of each alone, order, reset, deadlines, back-pressure, closing.
#include "pyseq/stream_pool.h"

#include <doctest/doctest.h>

#include <algorithm>
#include <chrono>
#include <optional>
#include <thread>

#include "tiny_stream.h"

namespace pyseq::testing {
namespace {

using Ticket = StreamPool::Ticket;
using StreamId = StreamPool::StreamId;
using Clock = std::chrono::steady_clock;

Tensor chunk(std::int64_t seed, std::int64_t time, std::int64_t rows = 1) {
  return noise_tensor({rows, time, kStreamWidth}, seed, 2);
}

std::vector<float> values(const Tensor& tensor) {
  const std::span<const float> found = tensor.values<float>();
  return {found.begin(), found.end()};
}

/// What a stream gives that has the program for itself.
std::vector<float> alone(const std::shared_ptr<const Program>& program, const std::vector<Tensor>& chunks) {
  Session session(program);
  State state = session.new_state(1);
  std::vector<float> result;
  for (const Tensor& x : chunks) {
    for (const float logit : values(session.run("step", {{"x", x}}, &state).outputs.at("logits"))) {
      result.push_back(logit);
    }
  }
  return result;
}

std::vector<float> logits(const Ticket& ticket) {
  return values(ticket.wait().at("logits"));
}

/// A pool whose thread has work for a while: what is submitted next waits.
struct BusyPool {
  explicit BusyPool(std::int64_t max_pending = 2)
      : pool(tiny_stream_program(96), {.max_streams = 4, .max_pending = max_pending}), stream(pool.open()) {
    running = pool.submit({stream}, {{"x", Tensor::zeros(DType::float32, {1, 15000, kStreamWidth})}});
    while (pool.pending() > 0) std::this_thread::yield();  // until it runs
  }
  StreamPool pool;
  StreamId stream;
  std::optional<Ticket> running;
};

SubmitOptions past_deadline() {
  SubmitOptions options;
  options.deadline = Clock::now() - std::chrono::milliseconds(1);
  return options;
}

TEST_CASE("stream pool: every stream has the bits that it has alone, whatever it is put together with") {
  const auto program = tiny_stream_program();
  StreamPool pool(program, {.max_streams = 21, .max_batch = 8});
  constexpr std::int64_t kStreams = 21, kChunks = 5;
  std::vector<StreamId> streams;
  for (std::int64_t i = 0; i < kStreams; ++i) streams.push_back(pool.open());
  std::vector<std::vector<Tensor>> chunks(kStreams);
  std::vector<std::vector<Ticket>> tickets(kStreams);
  for (std::int64_t number = 0; number < kChunks; ++number) {
    for (std::int64_t i = 0; i < kStreams; ++i) {
      const std::int64_t chosen = (i * 8 + number) % kStreams;  // another order every time
      const auto place = static_cast<std::size_t>(chosen);
      chunks[place].push_back(chunk(100 * number + chosen, 1 + (number * chosen) % 3));  // sizes differ
      tickets[place].push_back(pool.submit({streams[place]}, {{"x", chunks[place].back()}}));
    }
  }
  for (std::size_t i = 0; i < streams.size(); ++i) {
    std::vector<float> found;
    for (const Ticket& ticket : tickets[i]) {
      for (const float logit : logits(ticket)) found.push_back(logit);
    }
    CHECK(found == alone(program, chunks[i]));
  }
  CHECK(pool.pending() == 0);
}

TEST_CASE("stream pool: a submission may serve several streams, a row each") {
  const auto program = tiny_stream_program();
  StreamPool pool(program, {.max_streams = 3});
  const StreamId a = pool.open(), b = pool.open();
  const Tensor both = chunk(7, 4, 2);
  const std::vector<float> found = logits(pool.submit({b, a}, {{"x", both}}));
  std::vector<float> expected = alone(program, {both.rows(0, 1)});
  for (const float logit : alone(program, {both.rows(1, 1)})) expected.push_back(logit);
  CHECK(found == expected);
  CHECK(logits(pool.submit({a}, {{"x", both.rows(0, 1)}})) != alone(program, {both.rows(0, 1)}));  // a went on
}

TEST_CASE("stream pool: threads that open, push and close at once do not disturb each other") {
  const auto program = tiny_stream_program();
  StreamPool pool(program, {.max_streams = 4, .max_batch = 3, .max_pending = 2});
  constexpr std::int64_t kThreads = 4, kChunks = 20;
  std::vector<std::vector<Tensor>> chunks(kThreads);
  std::vector<std::vector<float>> found(kThreads);
  std::vector<std::thread> threads;
  for (std::int64_t i = 0; i < kThreads; ++i) {
    const auto place = static_cast<std::size_t>(i);
    for (std::int64_t number = 0; number < kChunks; ++number) chunks[place].push_back(chunk(50 * i + number, 2));
    threads.emplace_back([&, place] {
      const StreamId stream = pool.open();
      for (const Tensor& x : chunks[place]) {
        for (const float logit : logits(pool.submit({stream}, {{"x", x}}))) found[place].push_back(logit);
      }
      pool.close(stream);
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (std::size_t i = 0; i < found.size(); ++i) CHECK(found[i] == alone(program, chunks[i]));
  CHECK(pool.open_streams() == 0);
}

TEST_CASE("stream pool: a reset, and a stream that is opened again, begin with silence") {
  const auto program = tiny_stream_program();
  StreamPool pool(program, {.max_streams = 1});
  const StreamId stream = pool.open();
  const Tensor x = chunk(1, 3);
  const std::vector<float> first = alone(program, {x});
  CHECK(logits(pool.submit({stream}, {{"x", x}})) == first);
  CHECK(logits(pool.submit({stream}, {{"x", x}})) != first);
  pool.reset(stream);
  CHECK(logits(pool.submit({stream}, {{"x", x}})) == first);
  CHECK_THROWS_WITH_AS(pool.open(), "stream_pool: 1 streams are open, as many as there may be", Error);
  pool.close(stream);
  CHECK(pool.open_streams() == 0);
  CHECK_THROWS_WITH_AS(pool.submit({stream}, {{"x", x}}), "stream_pool: stream 0 is not open", IndexError);
  CHECK_THROWS_AS(pool.reset(stream), IndexError);
  CHECK_THROWS_AS(pool.close(stream), IndexError);
  CHECK(logits(pool.submit({pool.open()}, {{"x", x}})) == first);
}

TEST_CASE("stream pool: a chunk whose deadline passes is dropped, and its stream goes on as if it had not been") {
  const auto program = tiny_stream_program(96);
  BusyPool busy(8);
  const StreamId other = busy.pool.open();
  const Tensor x = chunk(1, 3), y = chunk(2, 3);
  const Ticket first = busy.pool.submit({other}, {{"x", x}});
  const Ticket late = busy.pool.submit({other}, {{"x", chunk(3, 3)}}, past_deadline());
  const Ticket second = busy.pool.submit({other}, {{"x", y}});
  CHECK_FALSE(late.is_done());
  CHECK_THROWS_WITH_AS(late.wait(), "stream_pool: stream 1: the chunk waited until its deadline", DeadlineError);
  std::vector<float> found = logits(first);
  for (const float logit : logits(second)) found.push_back(logit);
  CHECK(found == alone(program, {x, y}));
}

TEST_CASE("stream pool: who waits may give up; the chunk is run all the same") {
  BusyPool busy;
  RunLimits limits;
  limits.deadline = Clock::now();
  CHECK_THROWS_AS(busy.running->wait(limits), DeadlineError);
  CancelToken cancel;
  cancel.cancel();
  RunLimits cancelled;
  cancelled.cancel = &cancel;
  CHECK_THROWS_AS(busy.running->wait(cancelled), CancelledError);
  CHECK(logits(*busy.running).size() == 15000);
  CHECK(busy.running->is_done());
}

TEST_CASE("stream pool: where too many chunks wait, the next one fails, gives up, or waits for room") {
  BusyPool busy(2);
  const StreamId other = busy.pool.open();
  const Tensor x = chunk(1, 3);
  std::vector<Ticket> waiting;
  for (int i = 0; i < 2; ++i) waiting.push_back(busy.pool.submit({other}, {{"x", x}}));
  CHECK(busy.pool.pending() == 2);
  SubmitOptions at_once;
  at_once.waits_for_room = false;
  CHECK_THROWS_WITH_AS(busy.pool.submit({other}, {{"x", x}}, at_once), "stream_pool: 2 chunks wait, and there may be 2",
                       Error);
  CHECK_THROWS_WITH_AS(busy.pool.submit({other}, {{"x", x}}, past_deadline()),
                       "stream_pool: there was no room for the chunks until their deadline", DeadlineError);
  waiting.push_back(busy.pool.submit({other}, {{"x", x}}));  // until there is room
  CHECK(busy.running->is_done());
  std::vector<float> found;
  for (const Ticket& ticket : waiting) {
    for (const float logit : logits(ticket)) found.push_back(logit);
  }
  CHECK(found == alone(tiny_stream_program(96), {x, x, x}));
}

TEST_CASE("stream pool: a submission of more chunks than may wait has its turn when nothing else does") {
  StreamPool pool(tiny_stream_program(), {.max_streams = 4, .max_batch = 2, .max_pending = 1});
  std::vector<StreamId> streams;
  for (int i = 0; i < 4; ++i) streams.push_back(pool.open());
  CHECK(logits(pool.submit(streams, {{"x", chunk(1, 2, 4)}})).size() == 8);
}

TEST_CASE("stream pool: closing a stream cancels what waits for it, and nothing else") {
  BusyPool busy(8);
  const StreamId gone = busy.pool.open(), kept = busy.pool.open();
  const Tensor x = chunk(1, 3);
  const Ticket cancelled = busy.pool.submit({gone}, {{"x", x}});
  const Ticket served = busy.pool.submit({kept}, {{"x", x}});
  busy.pool.close(gone);
  CHECK_THROWS_WITH_AS(cancelled.wait(), "stream_pool: stream 1 was closed", CancelledError);
  const std::vector<float> expected = alone(tiny_stream_program(96), {x});
  CHECK(logits(served) == expected);
  const StreamId again = busy.pool.open();
  CHECK(again == gone);
  CHECK(logits(busy.pool.submit({again}, {{"x", x}})) == expected);
}

TEST_CASE("stream pool: tickets outlive their pool") {
  std::optional<Ticket> running, waiting;
  {
    BusyPool busy;
    running = busy.running;
    waiting = busy.pool.submit({busy.stream}, {{"x", chunk(1, 3)}});
  }
  CHECK(logits(*running).size() == 15000);  // what runs is finished
  CHECK_THROWS_WITH_AS(waiting->wait(), "stream_pool: stream 0 was closed with its pool", CancelledError);
}

TEST_CASE("stream pool: a mistake harms nobody else") {
  const auto program = tiny_stream_program();
  StreamPool pool(program, {.max_streams = 2});
  const StreamId a = pool.open(), b = pool.open();
  const Tensor x = chunk(1, 3);
  const Ticket bad = pool.submit({a}, {{"x", Tensor::zeros(DType::float32, {1, 3, kStreamWidth + 1})}});
  const Ticket good = pool.submit({b}, {{"x", x}});
  CHECK_THROWS_AS(bad.wait(), ShapeError);
  CHECK(logits(good) == alone(program, {x}));
  CHECK(logits(pool.submit({a}, {{"x", x}})) == alone(program, {x}));
  CHECK_THROWS_WITH_AS(pool.submit({a, b}, {{"x", x}}),
                       "stream_pool: x has shape [1, 3, 3], expected 2 rows, one for each stream", ShapeError);
  CHECK_THROWS_WITH_AS(pool.submit({a, a}, {{"x", chunk(1, 3, 2)}}),
                       "stream_pool: stream 0 has two chunks, expected one in a submission", ValueError);
}

TEST_CASE("stream pool: programs and sizes that it cannot serve") {
  CHECK_THROWS_WITH_AS(StreamPool{tiny_translator_program()},
                       "stream_pool: the program has the memory \"memory\", expected carries alone", UnsupportedError);
  const auto program = tiny_stream_program();
  CHECK_THROWS_AS((StreamPool{program, {.function = "listen"}}), ValueError);
  CHECK_THROWS_AS((StreamPool{program, {.max_streams = 0}}), ValueError);
  CHECK_THROWS_AS((StreamPool{program, {.max_batch = 0}}), ValueError);
  CHECK_THROWS_AS((StreamPool{program, {.max_pending = 0}}), ValueError);
}

}  // namespace
}  // namespace pyseq::testing
