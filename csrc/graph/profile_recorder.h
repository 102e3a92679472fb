// How a run writes into a profile.
#pragma once

#include <memory>
#include <mutex>
#include <utility>

#include "graph/compile.h"
#include "ops/registry.h"
#include "pyseq/profile.h"

namespace pyseq {

/// Writes the events of one run.
class ProfileRecorder {
 public:
  /// Where this thread's runs of the program go; null when nobody profiles them.
  static Profile* active(const Program& program);

  ProfileRecorder(Profile& profile, std::shared_ptr<const Program> program);

  /// An event that lasts while the object lives.
  class Span {
   public:
    ~Span();
    Span(Span&& other) noexcept : recorder_(std::exchange(other.recorder_, nullptr)), event_(other.event_) {}
    Span& operator=(Span&&) = delete;

   private:
    friend class ProfileRecorder;
    /// `begin`: Profile::now() before the node and the cost were looked up.
    Span(ProfileRecorder& recorder, double begin, int node, OpCost cost);
    ProfileRecorder* recorder_;
    std::size_t event_;
  };

  [[nodiscard]] Span function(const CompiledFunction& function);
  [[nodiscard]] Span loop(const CompiledFunction& function, const CompiledNode& node);
  [[nodiscard]] Span op(const CompiledFunction& function, const CompiledNode& node, const OpArgs& args);

 private:
  int number(const CompiledFunction& function, const CompiledNode* node);

  Profile& profile_;
  const std::lock_guard<std::recursive_mutex> lock_;  // readers wait for the end of the run
};

}  // namespace pyseq
