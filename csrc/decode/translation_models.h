// The step models of a batch of texts: those of a translator, and of what has a say beside it.
#pragma once

#include <deque>
#include <memory>
#include <optional>
#include <vector>

#include "decode/session_pool.h"
#include "pyseq/step_models.h"

namespace pyseq {

class TranslationModels {
 public:
  /// Another model; the pool outlives this object.
  Session& lease(SessionPool& pool);
  void add(Session& session, State state, std::optional<AttentionSource> attention);
  /// All models so far become one.
  void average(EnsembleMean mean, const std::vector<double>& weights);
  void fuse(SessionPool& pool, std::int64_t rows, double weight, std::int64_t start);
  StepModel& model() { return *combined_; }

 private:
  std::deque<SessionPool::Lease> leases_;
  std::deque<ProgramStepModel> programs_;
  std::vector<StepModel*> members_;
  std::optional<EnsembleStepModel> ensemble_;
  std::optional<FusedStepModel> fused_;
  StepModel* combined_ = nullptr;
};

}  // namespace pyseq
