// What a TextStream holds.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "decode/session_pool.h"
#include "decode/text_writer.h"
#include "pyseq/decode.h"
#include "pyseq/generator.h"

namespace pyseq {

struct TextStream::Impl {
  /// Reads the prompt, at least one token, but for what the first step reads.
  Impl(const Generator& generator, std::shared_ptr<SessionPool> pool, std::vector<std::int64_t> prompt,
       const GenerationOptions& options, bool begins_text);
  std::optional<GeneratedToken> next();

  std::shared_ptr<SessionPool> sessions;
  SessionPool::Lease lease;
  std::int64_t vocabulary_size;
  TextWriter writer;
  RunLimits limits;
  std::vector<std::int64_t> pending;  // not read yet
  std::optional<ProgramStepModel> model;
};

}  // namespace pyseq
