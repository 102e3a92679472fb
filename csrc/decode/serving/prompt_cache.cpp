#include "decode/serving/prompt_cache.h"

#include <algorithm>
#include <utility>

namespace pyseq {

struct PromptCache::Page {
  Page* before = nullptr;
  std::map<Tokens, std::unique_ptr<Page>> behind;
  State state;
  std::size_t state_bytes = 0;  // with the pages before it
  std::size_t bytes = 0;        // its own
  std::uint64_t last_use = 0;
};

namespace {

/// Bytes of the tensors of a state and of the blocks of its caches.
std::size_t bytes_of(const State& state) {
  return state.cache_bytes() + state.tensor_bytes();
}

}  // namespace

PromptCache::PromptCache(std::size_t bytes) : most_bytes_(bytes), root_(std::make_unique<Page>()) {}
PromptCache::~PromptCache() = default;

void PromptCache::touch(Page& page) {
  ++clock_;
  for (Page* at = &page; at != nullptr; at = at->before) at->last_use = clock_;
}

std::optional<PromptCache::Found> PromptCache::find(std::span<const std::int64_t> prompt) {
  Page* page = root_.get();
  std::int64_t tokens = 0;
  while (tokens + kPage <= static_cast<std::int64_t>(prompt.size())) {
    const auto part = prompt.subspan(static_cast<std::size_t>(tokens), static_cast<std::size_t>(kPage));
    const auto found = page->behind.find(Tokens(part.begin(), part.end()));
    if (found == page->behind.end()) break;
    page = found->second.get();
    tokens += kPage;
  }
  if (tokens == 0) return std::nullopt;
  touch(*page);
  return Found{page->state.clone(), tokens};
}

void PromptCache::keep(std::span<const std::int64_t> tokens, const State& state) {
  if (!is_enabled()) return;
  Page* page = root_.get();
  for (std::size_t at = 0; at + kPage <= tokens.size(); at += kPage) {
    const auto part = tokens.subspan(at, static_cast<std::size_t>(kPage));
    const bool is_last = at + kPage == tokens.size();
    Tokens key(part.begin(), part.end());
    const auto found = page->behind.find(key);
    if (found != page->behind.end()) {
      page = found->second.get();
      continue;
    }
    if (!is_last) return;  // a page before it was given up meanwhile
    auto added = std::make_unique<Page>();
    added->before = page;
    added->state = state.clone();
    added->state_bytes = bytes_of(state);
    // Blocks of the pages before it are shared with them, if those are held.
    added->bytes =
        added->state_bytes - std::min(added->state_bytes, page == root_.get() ? 0 : page->state.cache_bytes());
    bytes_ += added->bytes;
    page = page->behind.emplace(std::move(key), std::move(added)).first->second.get();
  }
  touch(*page);
  make_room();
}

/// Pages that nothing stands behind go, those used longest ago first.
void PromptCache::make_room() {
  while (bytes_ > most_bytes_) {
    Page* oldest = oldest_leaf(*root_);
    if (oldest == root_.get()) return;
    bytes_ -= oldest->bytes;
    auto& siblings = oldest->before->behind;
    siblings.erase(std::find_if(siblings.begin(), siblings.end(),
                                [&](const auto& entry) { return entry.second.get() == oldest; }));
  }
}

PromptCache::Page* PromptCache::oldest_leaf(Page& from) const {
  if (from.behind.empty()) return &from;
  Page* oldest = nullptr;
  for (auto& entry : from.behind) {
    Page* leaf = oldest_leaf(*entry.second);
    if (oldest == nullptr || leaf->last_use < oldest->last_use) oldest = leaf;
  }
  return oldest;
}

}  // namespace pyseq
