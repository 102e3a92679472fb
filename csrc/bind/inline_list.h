// A list of at most N values inside the object: nothing is allocated, and only what is there is constructed.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <span>
#include <utility>

namespace pyseq {

template <typename T, std::size_t N>
class InlineList {
 public:
  InlineList() = default;
  ~InlineList() { std::destroy_n(data(), size_); }
  InlineList(const InlineList&) = delete;
  InlineList& operator=(const InlineList&) = delete;

  /// There must be room.
  void push_back(T value) {
    ::new (static_cast<void*>(data() + size_)) T(std::move(value));
    ++size_;
  }
  void resize(std::size_t size) {
    while (size_ < size) push_back(T());
  }
  std::size_t size() const { return size_; }
  T& operator[](std::size_t index) { return data()[index]; }
  std::span<T> span() { return {data(), size_}; }

 private:
  T* data() { return std::launder(reinterpret_cast<T*>(memory_)); }

  alignas(T) std::byte memory_[N * sizeof(T)];
  std::size_t size_ = 0;
};

}  // namespace pyseq
