// Trains on one slice of the corpus, on copies of the rows that it touches. What it gives depends on the slice, the
// seed and the tables as they were, and on nothing else.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "embeddings/local_rows.h"
#include "embeddings/word_task.h"

namespace pyseq {

/// A slice: tokens [begin, begin + tokens.size()) of the corpus, with the ends of sentences (-1) among them.
struct CorpusSlice {
  std::span<const std::int32_t> tokens;
  std::uint64_t epoch, begin;
  float rate;
};

class SliceWorker {
 public:
  explicit SliceWorker(const WordTask& task);

  /// IndexError: a token that is no word.
  void run(const CorpusSlice& slice);

  const LocalRows& inputs() const { return inputs_; }
  const LocalRows& outputs() const { return outputs_; }
  std::int64_t words() const { return words_; }  // of the slice, before any is left out
  /// The loss of a sample of the windows, and the number of its pairs.
  double loss() const { return loss_; }
  std::int64_t loss_pairs() const { return loss_pairs_; }

 private:
  void keep_words(std::span<const std::int32_t> tokens, SliceRandom& random);
  void place_rows(SliceRandom& random);
  void place_path(std::int32_t word, std::int32_t place);
  void fill_inputs();
  void fill_outputs();
  void find_context(std::size_t word, std::size_t begin, std::size_t end, SliceRandom& random);
  void find_targets(std::size_t word, SliceRandom& random);
  void train_window(std::size_t word, float rate);
  void meet(std::span<float* const> inputs, std::size_t word, float rate);
  void step_logistic(float rate, std::int64_t inputs);
  void step_softmax(float rate, std::int64_t inputs, std::int32_t target);

  const WordTask& task_;
  LocalRows inputs_, outputs_;
  std::vector<std::int32_t> kept_;                          // words that are left
  std::vector<std::size_t> sentences_;                      // where sentences end in kept_
  std::vector<std::int32_t> input_places_, output_places_;  // of the kept words; outputs only with negative sampling
  std::vector<std::int32_t> noise_places_;
  std::vector<std::int64_t> path_begins_;  // by input place, of hierarchical softmax: in path_places_, or -1
  std::vector<std::int32_t> path_places_;
  std::vector<std::int32_t> context_;  // input places of the current window
  std::vector<std::int32_t> targets_;  // its output places
  std::vector<std::uint8_t> labels_;
  std::vector<float*> input_rows_, output_rows_;
  std::vector<const float*> mean_rows_;
  std::vector<float> values_, mean_, mean_before_;
  std::int64_t words_ = 0, windows_ = 0, loss_pairs_ = 0;
  double loss_ = 0.0;
};

}  // namespace pyseq
