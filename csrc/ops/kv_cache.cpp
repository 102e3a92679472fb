#include "ops/kv_cache.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <unordered_set>

#include "base/arena.h"
#include "base/threads.h"
#include "ops/cache_storage.h"
#include "ops/checks.h"

namespace pyseq {
namespace {

constexpr std::string_view kLabel = "kv_cache";
constexpr std::int64_t kBlock = kAttentionKeyBlock;
constexpr std::int64_t kValuesPerChunk = 16384;

/// A block of memory for 32 positions of all heads. The pointer's use count is the block's reference count.
using Block = std::shared_ptr<void>;

/// What stands before the positions of a block.
struct alignas(64) BlockHeader {
  std::int64_t filled;  // lanes up to here are taken; read and written through an atomic_ref
};

std::atomic_ref<std::int64_t> filled_lanes(const Block& block) {
  return std::atomic_ref<std::int64_t>(static_cast<BlockHeader*>(block.get())->filled);
}

/// True when no other row (of this cache or of a copy) holds the block, so that it may be written.
bool is_exclusive(const Block& block) {
  if (block.use_count() != 1) return false;
  // Reads by a copy on another thread came before its release of the block.
  std::atomic_thread_fence(std::memory_order_acquire);
  return true;
}

/// Positions of a row from `begin` up to the begin of the next part, all in one block of positions.
struct Part {
  Block block;
  std::int64_t begin;
};

/// Where the positions of one sequence lie. The parts cover [0, length) and nothing more.
struct Row {
  std::vector<Part> parts;
  std::int64_t length = 0;

  std::int64_t end_of(std::size_t part) const { return part + 1 < parts.size() ? parts[part + 1].begin : length; }
};

}  // namespace

struct KvCache::Impl {
  CacheLayout layout;
  std::vector<Row> rows;
  std::vector<Block> spare;  // exclusive blocks that rows gave up, kept for the next append

  std::size_t block_bytes() const { return sizeof(BlockHeader) + layout.block_bytes(); }

  std::byte* head_in(const Block& block, std::int64_t head) const {
    return static_cast<std::byte*>(block.get()) + sizeof(BlockHeader) +
           layout.head_bytes() * static_cast<std::size_t>(head);
  }

  Block new_block() {
    if (spare.empty()) {
      Block block = MemoryPool::allocate(block_bytes());
      new (block.get()) BlockHeader{0};
      return block;
    }
    Block block = std::move(spare.back());
    spare.pop_back();
    return block;
  }

  void give_up(Block&& block) noexcept {
    // Never grows the list here: giving up must not fail.
    if (is_exclusive(block) && spare.size() < spare.capacity()) spare.push_back(std::move(block));
    block.reset();
  }

  /// Whether a row may write its next position, which falls into `lane`, to the block that it wrote to last.
  static bool may_go_on(const Block& block, std::int64_t lane) {
    return is_exclusive(block) || filled_lanes(block).load(std::memory_order_relaxed) == lane;
  }

  /// Takes lanes for positions [begin, end) of a row, and new blocks where it has none of its own.
  void reserve(Row& row, std::int64_t begin, std::int64_t end) {
    for (std::int64_t at = begin; at < end;) {
      const std::int64_t lane = at % kBlock, stop = std::min(end, at - lane + kBlock);
      if (lane == 0 || !may_go_on(row.parts.back().block, lane)) row.parts.push_back({new_block(), at});
      filled_lanes(row.parts.back().block).store(lane + stop - at, std::memory_order_relaxed);
      at = stop;
    }
  }

  /// Writes positions [row.length, row.length + count) of one head from row-major keys and values.
  void write(const Row& row, std::int64_t head, std::int64_t count, const float* key, const float* value) const {
    const std::int64_t begin = row.length, end = begin + count;
    const std::int64_t key_stride = layout.heads * layout.head_dim, value_stride = layout.heads * layout.value_dim;
    for (std::size_t i = row.parts.size(); i-- > 0;) {
      const Part& part = row.parts[i];
      const std::int64_t part_end = i + 1 < row.parts.size() ? row.parts[i + 1].begin : end;
      const std::int64_t from = std::max(begin, part.begin);
      if (part_end <= begin) break;
      layout.write(head_in(part.block, head), from % kBlock, part_end - from,
                   key + (from - begin) * key_stride + head * layout.head_dim, key_stride,
                   value + (from - begin) * value_stride + head * layout.value_dim, value_stride);
    }
  }

  /// Drops the parts that begin at `length` or later.
  void drop_parts(Row& row, std::int64_t length) noexcept {
    while (!row.parts.empty() && row.parts.back().begin >= length) {
      give_up(std::move(row.parts.back().block));
      row.parts.pop_back();
    }
  }

  void shorten(Row& row, std::int64_t length) noexcept {
    if (length >= row.length) return;
    row.length = length;
    drop_parts(row, length);
  }

  /// Room for added(row) more positions in every row; a failure leaves the rows as they were.
  template <typename Added>
  void reserve_all(Added added) {
    try {
      for (std::size_t r = 0; r < rows.size(); ++r) {
        reserve(rows[r], rows[r].length, rows[r].length + added(static_cast<std::int64_t>(r)));
      }
    } catch (...) {
      for (Row& row : rows) drop_parts(row, row.length);
      throw;
    }
  }
};

KvCache::KvCache(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}

KvCache::KvCache(std::int64_t heads, std::int64_t head_dim, std::int64_t value_dim, std::int64_t rows, DType dtype)
    : impl_(std::make_unique<Impl>()) {
  constexpr std::int64_t kMost = std::int64_t{1} << 20;  // products of these stay far from overflow
  const auto check = [](std::string_view what, std::int64_t size) {
    if (size < 1 || size > kMost) throw_value(kLabel, what, std::to_string(size), "1 to " + std::to_string(kMost));
  };
  check("heads", heads);
  check("head_dim", head_dim);
  check("value_dim", value_dim);
  if (rows < 0) throw_value(kLabel, "rows", std::to_string(rows), "zero or more");
  if (dtype != DType::float32 && dtype != DType::bfloat16 && dtype != DType::int8) {
    throw_value(kLabel, "dtype", dtype_name(dtype), "float32, bfloat16 or int8");
  }
  impl_->layout = {heads, head_dim, value_dim, dtype};
  impl_->rows.resize(static_cast<std::size_t>(rows));
  impl_->spare.reserve(static_cast<std::size_t>(rows));
}

KvCache::~KvCache() = default;
KvCache::KvCache(KvCache&&) noexcept = default;
KvCache& KvCache::operator=(KvCache&&) noexcept = default;

KvCache::KvCache(const KvCache& other)
    : KvCache(other.heads(), other.head_dim(), other.value_dim(), other.rows(), other.dtype()) {
  impl_->rows = other.impl_->rows;
  // Two caches may be appended to at the same time: neither goes on in a block that both hold.
  for (const Row& row : impl_->rows) {
    if (!row.parts.empty()) filled_lanes(row.parts.back().block).store(kBlock, std::memory_order_relaxed);
  }
}

KvCache& KvCache::operator=(const KvCache& other) {
  if (this != &other) *this = KvCache(other);
  return *this;
}

std::int64_t KvCache::rows() const {
  return static_cast<std::int64_t>(impl_->rows.size());
}
std::int64_t KvCache::heads() const {
  return impl_->layout.heads;
}
std::int64_t KvCache::head_dim() const {
  return impl_->layout.head_dim;
}
std::int64_t KvCache::value_dim() const {
  return impl_->layout.value_dim;
}

std::int64_t KvCache::value_stride() const {
  return impl_->layout.value_stride();
}
DType KvCache::dtype() const {
  return impl_->layout.dtype;
}
KeyStorage KvCache::storage() const {
  return impl_->layout.storage();
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
  const CacheLayout& sizes = impl_->layout;
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
  impl_->reserve_all(added);
  const std::int64_t key_values = time * sizes.heads * sizes.head_dim,
                     value_values = time * sizes.heads * sizes.value_dim;
  const std::int64_t values_per_head = time * (sizes.head_dim + sizes.value_dim);
  parallel_for(rows() * sizes.heads, kValuesPerChunk / (values_per_head + 1) + 1,
               [&](std::int64_t begin, std::int64_t end) {
                 for (std::int64_t item = begin; item < end; ++item) {
                   const std::int64_t row = item / sizes.heads, head = item % sizes.heads;
                   impl_->write(impl_->rows[static_cast<std::size_t>(row)], head, added(row),
                                key.data<float>() + row * key_values, value.data<float>() + row * value_values);
                 }
               });
  for (std::int64_t row = 0; row < rows(); ++row) impl_->rows[static_cast<std::size_t>(row)].length += added(row);
}

KvCache KvCache::reordered(std::span<const std::int64_t> parents) const {
  check_indices(kLabel, "parents", parents, rows(), "the " + std::to_string(rows()) + " rows of the cache");
  auto result = std::make_unique<Impl>();
  result->layout = impl_->layout;
  result->rows.reserve(parents.size());
  for (const std::int64_t parent : parents) result->rows.push_back(impl_->rows[static_cast<std::size_t>(parent)]);
  result->spare.reserve(parents.size());
  return KvCache(std::move(result));
}

void KvCache::reorder(std::span<const std::int64_t> parents) {
  KvCache old = reordered(parents);
  impl_.swap(old.impl_);
  Impl& before = *old.impl_;
  impl_->spare.swap(before.spare);
  impl_->spare.reserve(parents.size());
  for (Row& row : before.rows) {
    for (Part& part : row.parts) impl_->give_up(std::move(part.block));
  }
}

void KvCache::join(KvCache&& other) {
  const CacheLayout &own = impl_->layout, &added = other.impl_->layout;
  if (own.heads != added.heads || own.head_dim != added.head_dim || own.value_dim != added.value_dim ||
      own.dtype != added.dtype) {
    throw_value(kLabel, "join", "a cache of another layout", "one of the same heads, sizes and dtype");
  }
  impl_->rows.reserve(impl_->rows.size() + other.impl_->rows.size());
  impl_->spare.reserve(impl_->rows.size() + other.impl_->rows.size());
  for (Row& row : other.impl_->rows) impl_->rows.push_back(std::move(row));
  other.impl_->rows.clear();
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

void KvCache::parts(std::int64_t row, std::int64_t head, std::vector<KeyPart>& parts) const {
  const Row& held = impl_->rows[static_cast<std::size_t>(row)];
  parts.clear();
  for (std::size_t i = 0; i < held.parts.size(); ++i) {
    const std::byte* data = impl_->head_in(held.parts[i].block, head);
    parts.push_back({.keys = data,
                     .values = data + impl_->layout.value_offset(),
                     .scales = reinterpret_cast<const float*>(data + impl_->layout.scale_offset()),
                     .begin = held.parts[i].begin,
                     .end = held.end_of(i)});
  }
}

std::size_t KvCache::bytes() const {
  std::unordered_set<const void*> distinct;
  for (const Row& row : impl_->rows) {
    for (const Part& part : row.parts) distinct.insert(part.block.get());
  }
  return distinct.size() * impl_->layout.block_bytes();
}

}  // namespace pyseq
