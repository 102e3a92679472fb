// What a model has read of earlier prompts, so that prompts which begin alike are read once. Prompts are cut into
// pages; a tree of pages holds the state behind each of them. States share the blocks of their key/value caches, so a
// page costs what its own positions take; models whose state is no cache (recurrent ones) are kept as well, a copy per
// page.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "pyseq/program.h"

namespace pyseq {

class PromptCache {
 public:
  /// Tokens of a page: a multiple of the block of a key/value cache, so that no block is cut.
  static constexpr std::int64_t kPage = 64;

  /// At most `bytes` are held; 0: nothing.
  explicit PromptCache(std::size_t bytes);
  ~PromptCache();

  struct Found {
    State state;  // one row
    std::int64_t tokens;
  };
  /// The longest known beginning of a prompt, whole pages of it; nothing: not even one page is known.
  std::optional<Found> find(std::span<const std::int64_t> prompt);
  /// Keeps the state of one row behind `tokens`, a number of whole pages whose beginning is known up to the last page.
  void keep(std::span<const std::int64_t> tokens, const State& state);
  bool is_enabled() const { return most_bytes_ > 0; }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Page;
  using Tokens = std::vector<std::int64_t>;

  void touch(Page& page);
  void make_room();
  Page* oldest_leaf(Page& from) const;

  std::size_t most_bytes_;
  std::size_t bytes_ = 0;
  std::uint64_t clock_ = 0;
  std::unique_ptr<Page> root_;  // no tokens
};

}  // namespace pyseq
