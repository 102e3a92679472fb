// Beam search with a scorer of one's own: a translator together with a table of token pairs, counted in a file of
// outputs (a line each):
//
//     beam_search MODEL.safetensors OUTPUTS.txt WEIGHT < lines.txt
//
// score(token) = log p_model(token) + WEIGHT * log p_pairs(token | token before). Prints a line per hypothesis: the
// text, a tab, the score.
#include <pyseq/translator.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <fstream>
#include <iostream>
#include <string>
#include <vector>

namespace {

/// How likely a token follows another one, every pair counted once more than it was seen.
class PairTable {
 public:
  PairTable(const pyseq::Vocabulary& vocabulary, const pyseq::Marks& marks, const std::string& file)
      : size_(static_cast<std::size_t>(vocabulary.size())), log_probs_(size_ * size_, 1.0F) {
    std::ifstream stream(file);
    if (!stream) throw pyseq::ValueError("cannot open " + file);
    for (std::string line; std::getline(stream, line);) {
      std::int64_t before = marks.start;
      std::vector<std::int64_t> ids = vocabulary.encode(line);
      ids.push_back(marks.end);
      for (const std::int64_t id : ids) {
        log_probs_[static_cast<std::size_t>(before) * size_ + static_cast<std::size_t>(id)] += 1;
        before = id;
      }
    }
    for (std::size_t token = 0; token < size_; ++token) {
      const auto row = log_probs_.begin() + static_cast<std::ptrdiff_t>(token * size_);
      float total = 0;
      std::for_each(row, row + static_cast<std::ptrdiff_t>(size_), [&](float count) { total += count; });
      std::for_each(row, row + static_cast<std::ptrdiff_t>(size_),
                    [&](float& count) { count = std::log(count / total); });
    }
  }

  const float* after(std::int64_t token) const { return log_probs_.data() + static_cast<std::size_t>(token) * size_; }

 private:
  std::size_t size_;
  std::vector<float> log_probs_;  // [token before, token]
};

/// What a search asks for scores. It has no state of its own but that of the model: the token before is part of the
/// call.
class ScoredModel final : public pyseq::StepModel {
 public:
  ScoredModel(pyseq::StepModel& model, const PairTable& pairs, float weight)
      : model_(model), pairs_(pairs), weight_(weight) {}

  pyseq::Tensor step(const pyseq::Tensor& tokens, const pyseq::RunLimits& limits) override {
    pyseq::Tensor scores = model_.step(tokens, limits).copy();  // [rows, time, vocabulary]
    const std::int64_t size = scores.size(2);
    for (std::int64_t row = 0; row < tokens.num_elements(); ++row) {
      float* score = scores.mutable_data<float>() + row * size;
      const float* pair = pairs_.after(tokens.data<std::int64_t>()[row]);
      double total = 0;
      const float largest = *std::max_element(score, score + size);
      for (std::int64_t i = 0; i < size; ++i) total += std::exp(double{score[i]} - largest);
      const auto normaliser = static_cast<float>(largest + std::log(total));
      for (std::int64_t i = 0; i < size; ++i) score[i] += weight_ * pair[i] - normaliser;
    }
    return scores;
  }
  void reorder(std::span<const std::int64_t> parents) override { model_.reorder(parents); }
  bool gives_scores() const override { return true; }

 private:
  pyseq::StepModel& model_;
  const PairTable& pairs_;
  float weight_;
};

void run(const std::string& file, const std::string& outputs, float weight) {
  const auto translator = pyseq::Translator::load(file);
  const PairTable pairs(translator.target_vocabulary(), translator.marks(), outputs);
  pyseq::Session session(translator.shared_program());
  pyseq::DecodingOptions options;
  options.beam_size = options.n_best = 4;
  options.max_length = translator.default_max_length();
  for (std::string line; std::getline(std::cin, line);) {
    const std::vector<std::int64_t> ids = translator.source_vocabulary().encode(line);
    const auto time = static_cast<std::int64_t>(ids.size());
    pyseq::State state = session.new_state(1);
    session.run("encode",
                {{"tokens", pyseq::Tensor::from<std::int64_t>({1, time}, ids)},
                 {"lengths", pyseq::Tensor::from<std::int64_t>({1}, {time})}},
                &state);
    pyseq::ProgramStepModel model(session, std::move(state));
    ScoredModel scored(model, pairs, weight);
    const auto results = pyseq::search(scored, 1, translator.marks(), options);
    for (const pyseq::Hypothesis& found : results[0]) {
      std::printf("%s\t%.17g\n", translator.target_vocabulary().decode(found.ids).c_str(), found.score);
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 4) throw pyseq::ValueError("expected MODEL.safetensors OUTPUTS.txt WEIGHT");
    run(argv[1], argv[2], std::stof(argv[3]));
  } catch (const std::exception& error) {
    std::fprintf(stderr, "beam_search: %s\n", error.what());
    return 1;
  }
}
