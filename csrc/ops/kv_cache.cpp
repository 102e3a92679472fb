#include "ops/kv_cache.h"

#include <algorithm>
#include <atomic>
#include <cstring>
#include <unordered_set>

#include "base/arena.h"
#include "base/threads.h"
#include "ops/checks.h"
#include "ops/key_panels.h"

namespace pyseq {
namespace {

constexpr std::string_view kLabel = "kv_cache";
constexpr std::int64_t kBlock = kAttentionKeyBlock;
constexpr std::int64_t kValuesPerChunk = 16384;

/// Keys, then values, of 32 positions of all heads. The pointer's use count is the block's reference count.
using Block = std::shared_ptr<void>;

float* values_in(const Block& block) {
  return static_cast<float*>(block.get());
}

/// True when no other row (of this cache or of a copy) holds the block, so that it may be written.
bool is_exclusive(const Block& block) {
  if (block.use_count() != 1) return false;
  // Reads by a copy on another thread came before its release of the block.
  std::atomic_thread_fence(std::memory_order_acquire);
  return true;
}

/// The block table of one sequence. It may hold more blocks than `length` needs, never fewer.
struct Row {
  std::vector<Block> blocks;
  std::int64_t length = 0;
};

}  // namespace

struct KvCache::Impl {
  std::int64_t heads, head_dim, value_dim;
  std::vector<Row> rows;
  std::vector<Block> spare;  // exclusive blocks that rows gave up, kept for the next append

  std::int64_t keys_per_block() const { return heads * head_dim * kBlock; }
  std::int64_t values_per_block() const { return heads * (head_dim + value_dim) * kBlock; }
  std::size_t block_bytes() const { return static_cast<std::size_t>(values_per_block()) * sizeof(float); }

  float* key_panel(const Block& block, std::int64_t head) const { return values_in(block) + head * head_dim * kBlock; }
  float* value_rows(const Block& block, std::int64_t head) const {
    return values_in(block) + keys_per_block() + head * value_dim * kBlock;
  }

  Block new_block() {
    if (spare.empty()) return MemoryPool::allocate(block_bytes());
    Block block = std::move(spare.back());
    spare.pop_back();
    return block;
  }

  void give_up(Block&& block) noexcept {
    // Never grows the list here: giving up must not fail.
    if (is_exclusive(block) && spare.size() < spare.capacity()) spare.push_back(std::move(block));
    block.reset();
  }

  /// Makes room for `count` more positions of a row in blocks that are its own. What the row holds does not change.
  void reserve(Row& row, std::int64_t count) {
    if (count == 0) return;
    const auto needed = static_cast<std::size_t>(key_blocks(row.length + count));
    for (auto i = static_cast<std::size_t>(row.length / kBlock); i < needed; ++i) {
      if (i == row.blocks.size()) {
        row.blocks.push_back(new_block());
      } else if (!is_exclusive(row.blocks[i])) {
        Block copy = new_block();
        const bool holds_positions = static_cast<std::int64_t>(i) * kBlock < row.length;
        if (holds_positions) std::memcpy(copy.get(), row.blocks[i].get(), block_bytes());
        row.blocks[i] = std::move(copy);
      }
    }
  }

  /// Writes positions [row.length, row.length + count) of one head from row-major keys and values.
  void write(const Row& row, std::int64_t head, std::int64_t count, const float* key, const float* value) const {
    for (std::int64_t t = 0; t < count; ++t) {
      const std::int64_t position = row.length + t, lane = position % kBlock;
      const Block& block = row.blocks[static_cast<std::size_t>(position / kBlock)];
      store_key(key + (t * heads + head) * head_dim, head_dim, lane, key_panel(block, head));
      std::copy_n(value + (t * heads + head) * value_dim, value_dim, value_rows(block, head) + lane * value_dim);
    }
  }

  void shorten(Row& row, std::int64_t length) noexcept {
    if (length >= row.length) return;
    row.length = length;
    while (static_cast<std::int64_t>(row.blocks.size()) > key_blocks(length)) {
      give_up(std::move(row.blocks.back()));
      row.blocks.pop_back();
    }
  }
};

KvCache::KvCache(std::int64_t heads, std::int64_t head_dim, std::int64_t value_dim, std::int64_t rows)
    : impl_(std::make_unique<Impl>()) {
  constexpr std::int64_t kMost = std::int64_t{1} << 20;  // products of these stay far from overflow
  const auto check = [](std::string_view what, std::int64_t size) {
    if (size < 1 || size > kMost) throw_value(kLabel, what, std::to_string(size), "1 to " + std::to_string(kMost));
  };
  check("heads", heads);
  check("head_dim", head_dim);
  check("value_dim", value_dim);
  if (rows < 0) throw_value(kLabel, "rows", std::to_string(rows), "zero or more");
  impl_->heads = heads;
  impl_->head_dim = head_dim;
  impl_->value_dim = value_dim;
  impl_->rows.resize(static_cast<std::size_t>(rows));
  impl_->spare.reserve(static_cast<std::size_t>(rows));
}

KvCache::~KvCache() = default;
KvCache::KvCache(KvCache&&) noexcept = default;
KvCache& KvCache::operator=(KvCache&&) noexcept = default;

KvCache::KvCache(const KvCache& other) : KvCache(other.heads(), other.head_dim(), other.value_dim(), other.rows()) {
  impl_->rows = other.impl_->rows;
}

KvCache& KvCache::operator=(const KvCache& other) {
  if (this != &other) *this = KvCache(other);
  return *this;
}

std::int64_t KvCache::rows() const {
  return static_cast<std::int64_t>(impl_->rows.size());
}
std::int64_t KvCache::heads() const {
  return impl_->heads;
}
std::int64_t KvCache::head_dim() const {
  return impl_->head_dim;
}
std::int64_t KvCache::value_dim() const {
  return impl_->value_dim;
}

std::int64_t KvCache::length(std::int64_t row) const {
  if (row < 0 || row >= rows()) {
    throw IndexError("kv_cache: row " + std::to_string(row) + " of a cache with " + std::to_string(rows()) + " rows");
  }
  return impl_->rows[static_cast<std::size_t>(row)].length;
}

std::int64_t KvCache::max_length() const {
  std::int64_t longest = 0;
  for (const Row& row : impl_->rows) longest = std::max(longest, row.length);
  return longest;
}

void KvCache::append(const Tensor& key, const Tensor& value, std::span<const std::int64_t> lengths) {
  const Impl& sizes = *impl_;
  check_tensor(kLabel, "key", key, DType::float32, {rows(), -1, sizes.heads * sizes.head_dim},
               "rows, time, heads * head_dim");
  const std::int64_t time = key.size(1);
  check_tensor(kLabel, "value", value, DType::float32, {rows(), time, sizes.heads * sizes.value_dim},
               "rows, time, heads * value_dim");
  if (!lengths.empty()) {
    check_lengths(kLabel,
                  Tensor::constant_view(DType::int64, {static_cast<std::int64_t>(lengths.size())}, lengths.data()),
                  rows(), time);
  }
  const auto added = [&](std::int64_t row) { return lengths.empty() ? time : lengths[static_cast<std::size_t>(row)]; };

  // Room first (may throw), then data where nobody looks yet, then the lengths, which makes it visible.
  for (std::int64_t row = 0; row < rows(); ++row)
    impl_->reserve(impl_->rows[static_cast<std::size_t>(row)], added(row));
  const std::int64_t key_values = time * sizes.heads * sizes.head_dim,
                     value_values = time * sizes.heads * sizes.value_dim;
  const std::int64_t values_per_head = time * (sizes.head_dim + sizes.value_dim);
  parallel_for(rows() * sizes.heads, kValuesPerChunk / (values_per_head + 1) + 1,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t item = begin; item < end; ++item) {
                   const std::int64_t row = item / sizes.heads, head = item % sizes.heads;
                   sizes.write(sizes.rows[static_cast<std::size_t>(row)], head, added(row),
                               key.data<float>() + row * key_values, value.data<float>() + row * value_values);
                 }
               });
  for (std::int64_t row = 0; row < rows(); ++row) impl_->rows[static_cast<std::size_t>(row)].length += added(row);
}

void KvCache::reorder(std::span<const std::int64_t> parents) {
  check_indices(kLabel, "parents", parents, rows(), "the " + std::to_string(rows()) + " rows of the cache");
  std::vector<Row> reordered;
  reordered.reserve(parents.size());
  for (const std::int64_t parent : parents) reordered.push_back(impl_->rows[static_cast<std::size_t>(parent)]);
  impl_->spare.reserve(parents.size());
  impl_->rows.swap(reordered);
  for (Row& row : reordered) {
    for (Block& block : row.blocks) impl_->give_up(std::move(block));
  }
}

void KvCache::truncate(std::int64_t length) {
  if (length < 0) throw_value(kLabel, "length", std::to_string(length), "zero or more");
  for (Row& row : impl_->rows) impl_->shorten(row, length);
}

void KvCache::truncate(std::span<const std::int64_t> lengths) {
  if (static_cast<std::int64_t>(lengths.size()) != rows()) {
    throw_shape(kLabel, "lengths", std::to_string(lengths.size()) + " elements", std::to_string(rows()));
  }
  for (const std::int64_t length : lengths) {
    if (length < 0) throw_value(kLabel, "lengths", std::to_string(length), "zero or more");
  }
  for (std::size_t row = 0; row < lengths.size(); ++row) impl_->shorten(impl_->rows[row], lengths[row]);
}

void KvCache::blocks(std::int64_t row, std::int64_t head, std::vector<const float*>& keys,
                     std::vector<const float*>& values) const {
  const std::int64_t count = key_blocks(length(row));
  keys.clear();
  values.clear();
  for (std::int64_t i = 0; i < count; ++i) {
    const Block& block = impl_->rows[static_cast<std::size_t>(row)].blocks[static_cast<std::size_t>(i)];
    keys.push_back(impl_->key_panel(block, head));
    values.push_back(impl_->value_rows(block, head));
  }
}

std::size_t KvCache::bytes() const {
  std::unordered_set<const void*> distinct;
  for (const Row& row : impl_->rows) {
    for (const Block& block : row.blocks) distinct.insert(block.get());
  }
  return distinct.size() * impl_->block_bytes();
}

}  // namespace pyseq
