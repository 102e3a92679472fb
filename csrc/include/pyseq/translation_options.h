// What a translation may have beside a search: other models that have a say, and words for unknown tokens.
#pragma once

#include <string>
#include <unordered_map>
#include <vector>

#include "pyseq/step_models.h"

namespace pyseq {

class Generator;
class Translator;

struct TranslationOptions {
  /// Translators with the same target vocabulary and marks; each reads the text with its own source vocabulary.
  std::vector<const Translator*> ensemble;
  EnsembleMean ensemble_mean = EnsembleMean::probabilities;
  std::vector<double> ensemble_weights;  // of the translator itself, then of those; empty: equal

  /// A language model over the target vocabulary with a start mark; see FusedStepModel.
  const Generator* language_model = nullptr;
  double language_model_weight = 0;

  /// An unknown token becomes the unit of the source that got most of its attention, or what `dictionary` has for it.
  bool replace_unknowns = false;
  std::unordered_map<std::string, std::string> dictionary;
};

}  // namespace pyseq
