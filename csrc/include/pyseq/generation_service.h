// GenerationService: many texts written at the same time by one language model, in one process.
//
//     pyseq::GenerationService service(pyseq::Generator::load("model.safetensors"));
//     auto request = service.submit("Once upon a time");
//     while (auto token = request->next()) std::cout << token->text;
//
// All texts are rows of one running batch: they join it when their prompt is read and leave it when they are done, at
// the borders of its steps (continuous batching). A text is the one that Generator::stream would write, bit by bit,
// whatever is written beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "pyseq/generator.h"

namespace pyseq {

struct ServiceOptions {
  std::int64_t max_rows = 16;  // texts that are written at the same time; others wait for their turn
  /// What is kept of prompts that were read, least recently used ones go first: requests whose prompts begin alike read
  /// what they share once. 0: nothing is kept.
  std::size_t prompt_cache_bytes = std::size_t{256} << 20;
};

struct ServiceStatistics {
  std::int64_t waiting = 0;               // requests that no row is given to yet
  std::int64_t running = 0;               // those that have one
  std::int64_t steps = 0;                 // of the running batch
  std::int64_t row_steps = 0;             // rows of all steps: tokens written
  std::int64_t prompt_tokens_read = 0;    // through the model
  std::int64_t prompt_tokens_reused = 0;  // found in the prompt cache
  std::size_t prompt_cache_bytes = 0;
};

/// One text while it is being written. Usable from many threads; every token is given to one caller.
class GenerationRequest {
 public:
  ~GenerationRequest();
  GenerationRequest(const GenerationRequest&) = delete;
  GenerationRequest& operator=(const GenerationRequest&) = delete;

  /// The next token, once it is written; nothing at the end. Throws what ended the text early, CancelledError after
  /// cancel(), or what `limits` say while it waits, which leaves the request as it is.
  std::optional<GeneratedToken> next(const RunLimits& limits = {});
  /// Gives up the row before the next step. Tokens that are written already can still be had.
  void cancel();
  bool is_done() const;  // nothing more is written

  struct Impl;

 private:
  friend class GenerationService;
  explicit GenerationRequest(std::shared_ptr<Impl> impl);
  std::shared_ptr<Impl> impl_;
};

/// Usable from many threads at once.
class GenerationService {
 public:
  /// ValueError: impossible options. Error: the system gives no thread.
  explicit GenerationService(Generator generator, const ServiceOptions& options = {});
  ~GenerationService();  // as close()
  GenerationService(const GenerationService&) = delete;
  GenerationService& operator=(const GenerationService&) = delete;

  /// Puts a text in the queue. Of `options.limits` the deadline counts, for the text as a whole. Errors as for
  /// Generator::stream; ValueError: the service is closed.
  std::unique_ptr<GenerationRequest> submit(std::string_view prompt, const GenerationOptions& options = {});
  ServiceStatistics statistics() const;
  /// Ends all requests that are not done, with CancelledError, and the service.
  void close();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace pyseq
