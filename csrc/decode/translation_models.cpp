#include "decode/translation_models.h"

#include <utility>

namespace pyseq {

Session& TranslationModels::lease(SessionPool& pool) {
  return *leases_.emplace_back(pool);
}

void TranslationModels::add(Session& session, State state, std::optional<AttentionSource> attention) {
  members_.push_back(&programs_.emplace_back(session, std::move(state), std::move(attention)));
  combined_ = members_.back();
}

void TranslationModels::average(EnsembleMean mean, const std::vector<double>& weights) {
  combined_ = &ensemble_.emplace(members_, mean, weights);
}

void TranslationModels::fuse(SessionPool& pool, std::int64_t rows, double weight, std::int64_t start) {
  Session& session = lease(pool);
  ProgramStepModel& language_model = programs_.emplace_back(session, session.new_state(rows));
  combined_ = &fused_.emplace(*combined_, language_model, weight, start);
}

}  // namespace pyseq
