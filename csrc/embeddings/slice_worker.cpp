#include "embeddings/slice_worker.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <string>

#include "kernels/dispatch.h"
#include "pyseq/error.h"

namespace pyseq {
namespace {

constexpr std::int64_t kLossEvery = 8;  // windows
// Words of a context that move at the same time: an output row takes the sum of their moves, which must stay a small
// step.
constexpr std::size_t kTogether = 16;
constexpr std::int32_t kAhead = 4;  // rows that are fetched before they are copied

std::size_t at(std::int64_t i) {
  return static_cast<std::size_t>(i);
}

/// Rows of the output table that a slice can touch.
std::int64_t most_outputs(const WordTask& task) {
  const std::int64_t rows = task.tables.output_rows, tokens = task.options.slice_tokens;
  switch (task.options.loss) {
    case WordLoss::negative_sampling:
      return std::min(rows, tokens + task.options.noise_pool);
    case WordLoss::hierarchical_softmax: {
      std::int64_t longest = 0;
      const HuffmanTree& tree = *task.tree;
      for (std::size_t word = 0; word + 1 < tree.begins.size(); ++word) {
        longest = std::max(longest, tree.begins[word + 1] - tree.begins[word]);
      }
      return std::min(rows, tokens * longest);
    }
    case WordLoss::softmax:
      return task.tables.words;
  }
  return rows;
}

void prefetch_row(const float* row, std::int64_t width) {
  for (std::int64_t i = 0; i < width; i += 16) __builtin_prefetch(row + i);
}

}  // namespace

SliceWorker::SliceWorker(const WordTask& task)
    : task_(task),
      inputs_(task.tables.width, std::min<std::int64_t>(task.tables.words, task.options.slice_tokens),
              task.has_subwords() || !task.options.deterministic),
      outputs_(task.tables.width, most_outputs(task), !task.options.deterministic),
      mean_(at(inputs_.padded())),
      mean_before_(at(inputs_.padded())) {}

void SliceWorker::run(const CorpusSlice& slice) {
  SliceRandom random(task_.options.seed, slice.epoch, slice.begin);
  inputs_.clear();
  outputs_.clear();
  loss_ = 0.0;
  loss_pairs_ = windows_ = 0;
  keep_words(slice.tokens, random);
  place_rows(random);
  fill_inputs();
  fill_outputs();
  std::size_t begin = 0;
  for (const std::size_t end : sentences_) {
    for (std::size_t word = begin; word < end; ++word) {
      find_context(word, begin, end, random);
      if (context_.empty()) continue;
      find_targets(word, random);
      train_window(word, slice.rate);
    }
    begin = end;
  }
}

void SliceWorker::keep_words(std::span<const std::int32_t> tokens, SliceRandom& random) {
  kept_.clear();
  sentences_.clear();
  words_ = 0;
  const std::int64_t words = task_.tables.words;
  for (const std::int32_t token : tokens) {
    if (token < 0) {
      if (sentences_.empty() || sentences_.back() != kept_.size()) sentences_.push_back(kept_.size());
      continue;
    }
    if (token >= words) {
      throw IndexError("word vectors: the corpus has word " + std::to_string(token) + ", the vocabulary has " +
                       std::to_string(words));
    }
    ++words_;
    const float keep = task_.keep_probability[at(token)];
    if (keep >= 1.0F || random.uniform() < keep) kept_.push_back(token);
  }
  if (sentences_.empty() || sentences_.back() != kept_.size()) sentences_.push_back(kept_.size());
}

void SliceWorker::place_rows(SliceRandom& random) {
  input_places_.clear();
  output_places_.clear();
  noise_places_.clear();
  path_begins_.clear();
  path_places_.clear();
  const WordLoss loss = task_.options.loss;
  for (const std::int32_t word : kept_) {
    const std::int32_t place = inputs_.place(word);
    input_places_.push_back(place);
    if (loss == WordLoss::negative_sampling) output_places_.push_back(outputs_.place(word));
    if (loss == WordLoss::hierarchical_softmax && place == static_cast<std::int32_t>(path_begins_.size())) {
      path_begins_.push_back(static_cast<std::int64_t>(path_places_.size()));
      for (std::int64_t k = task_.tree->begins[at(word)]; k < task_.tree->begins[at(word) + 1]; ++k) {
        path_places_.push_back(outputs_.place(task_.tree->nodes[at(k)]));
      }
    }
  }
  if (loss == WordLoss::negative_sampling && !kept_.empty()) {
    for (int i = 0; i < task_.options.noise_pool; ++i)
      noise_places_.push_back(outputs_.place(task_.noise->draw(random)));
  }
  if (loss == WordLoss::softmax) {
    for (std::int32_t word = 0; word < task_.tables.words; ++word) outputs_.place(word);
  }
}

void SliceWorker::fill_inputs() {
  const std::int64_t width = task_.tables.width;
  const float* table = task_.tables.input;
  for (std::int32_t place = 0; place < inputs_.size(); ++place) {
    if (task_.has_subwords()) {
      if (place + 1 < inputs_.size()) {
        for (const std::int32_t row : task_.subwords.list(inputs_.row(place + 1)))
          prefetch_row(table + row * width, width);
      }
      mean_rows_.clear();
      for (const std::int32_t row : task_.subwords.list(inputs_.row(place))) mean_rows_.push_back(table + row * width);
      const MeanOfRowsF32 args{width, static_cast<std::int64_t>(mean_rows_.size()), mean_rows_.data(),
                               1.0F / static_cast<float>(mean_rows_.size()), inputs_.values(place)};
      kernels().mean_of_rows_f32(&args);
    } else {
      if (place + kAhead < inputs_.size()) prefetch_row(table + inputs_.row(place + kAhead) * width, width);
      std::memcpy(inputs_.values(place), table + inputs_.row(place) * width, at(width) * sizeof(float));
    }
    inputs_.keep_start(place);
  }
}

void SliceWorker::fill_outputs() {
  const std::int64_t width = task_.tables.width;
  const float* table = task_.tables.output;
  for (std::int32_t place = 0; place < outputs_.size(); ++place) {
    if (place + kAhead < outputs_.size()) prefetch_row(table + outputs_.row(place + kAhead) * width, width);
    std::memcpy(outputs_.values(place), table + outputs_.row(place) * width, at(width) * sizeof(float));
    outputs_.keep_start(place);
  }
}

void SliceWorker::find_context(std::size_t word, std::size_t begin, std::size_t end, SliceRandom& random) {
  const WordOptions& options = task_.options;
  context_.clear();
  std::size_t reach = static_cast<std::size_t>(options.window);
  if (options.dynamic_window && options.context <= ContextChoice::left) {
    reach = 1 + random.below(static_cast<std::uint32_t>(options.window));
  }
  const std::size_t first = word - begin > reach ? word - reach : begin;
  const std::size_t last = std::min(end, word + reach + 1);
  switch (options.context) {
    case ContextChoice::both:
    case ContextChoice::left:
      for (std::size_t i = first; i < word; ++i) context_.push_back(input_places_[i]);
      if (options.context == ContextChoice::left) break;
      for (std::size_t i = word + 1; i < last; ++i) context_.push_back(input_places_[i]);
      break;
    case ContextChoice::previous:
      if (word > begin) context_.push_back(input_places_[word - 1]);
      break;
    case ContextChoice::nearby:
      if (last - first > 1) {
        const std::size_t chosen = first + random.below(static_cast<std::uint32_t>(last - first - 1));
        context_.push_back(input_places_[chosen < word ? chosen : chosen + 1]);
      }
      break;
  }
}

void SliceWorker::find_targets(std::size_t word, SliceRandom& random) {
  targets_.clear();
  labels_.clear();
  switch (task_.options.loss) {
    case WordLoss::negative_sampling:
      targets_.push_back(output_places_[word]);
      labels_.push_back(1);
      for (int i = 0; i < task_.options.negatives; ++i) {
        const std::int32_t place = noise_places_[random.below(static_cast<std::uint32_t>(noise_places_.size()))];
        if (place == output_places_[word]) continue;
        targets_.push_back(place);
        labels_.push_back(0);
      }
      break;
    case WordLoss::hierarchical_softmax: {
      // As word2vec codes the tree: the label of an inner node is 1 - turn.
      const std::int64_t places = path_begins_[at(input_places_[word])];
      const std::int64_t path = task_.tree->begins[at(kept_[word])];
      const std::int64_t length = task_.tree->begins[at(kept_[word]) + 1] - path;
      for (std::int64_t k = 0; k < length; ++k) {
        targets_.push_back(path_places_[at(places + k)]);
        labels_.push_back(task_.tree->turns[at(path + k)] == 0 ? 1 : 0);
      }
      break;
    }
    case WordLoss::softmax:
      for (std::int32_t place = 0; place < outputs_.size(); ++place) targets_.push_back(place);
      break;
  }
  output_rows_.clear();
  for (const std::int32_t place : targets_) output_rows_.push_back(outputs_.values(place));
}

void SliceWorker::train_window(std::size_t word, float rate) {
  input_rows_.clear();
  for (const std::int32_t place : context_) input_rows_.push_back(inputs_.values(place));
  const auto inputs = static_cast<std::int32_t>(task_.options.cbow ? 1 : context_.size());
  for (const std::int32_t place : context_) inputs_.uses(place) += static_cast<std::int32_t>(targets_.size());
  for (const std::int32_t place : targets_) outputs_.uses(place) += inputs;
  if (!task_.options.cbow) {
    for (std::size_t first = 0; first < input_rows_.size(); first += kTogether) {
      meet(std::span(input_rows_).subspan(first, std::min(input_rows_.size() - first, kTogether)), word, rate);
    }
  } else {
    // As word2vec does it, every word of the context takes the whole move of their mean.
    const std::int64_t width = inputs_.padded();
    const float scale = task_.options.cbow_mean ? 1.0F / static_cast<float>(context_.size()) : 1.0F;
    const auto count = static_cast<std::int64_t>(input_rows_.size());
    const MeanOfRowsF32 mean{width, count, input_rows_.data(), scale, mean_.data()};
    kernels().mean_of_rows_f32(&mean);
    std::memcpy(mean_before_.data(), mean_.data(), at(width) * sizeof(float));
    float* const row = mean_.data();
    meet(std::span(&row, 1), word, rate);
    const SpreadF32 spread{width, count, mean_.data(), mean_before_.data(), input_rows_.data()};
    kernels().spread_f32(&spread);
  }
  ++windows_;
}

void SliceWorker::meet(std::span<float* const> inputs, std::size_t word, float rate) {
  const auto count = static_cast<std::int64_t>(inputs.size());
  values_.resize(inputs.size() * output_rows_.size());
  const WindowF32 window{
      inputs_.padded(),    count,         static_cast<std::int64_t>(output_rows_.size()), inputs.data(),
      output_rows_.data(), values_.data()};
  kernels().window_scores_f32(&window);
  if (task_.options.loss == WordLoss::softmax) {
    step_softmax(rate, count, kept_[word]);
  } else {
    step_logistic(rate, count);
  }
  kernels().window_update_f32(&window);
}

void SliceWorker::step_logistic(float rate, std::int64_t inputs) {
  float loss = 0.0F;
  const bool is_watched = windows_ % kLossEvery == 0;
  const LogisticF32 args{inputs,         static_cast<std::int64_t>(labels_.size()),
                         labels_.data(), rate,
                         values_.data(), is_watched ? &loss : nullptr};
  kernels().logistic_steps_f32(&args);
  if (!is_watched) return;
  loss_ += static_cast<double>(loss);
  loss_pairs_ += inputs;
}

void SliceWorker::step_softmax(float rate, std::int64_t inputs, std::int32_t target) {
  const auto outputs = static_cast<std::int64_t>(output_rows_.size());
  std::vector<float> row(at(outputs));
  for (std::int64_t i = 0; i < inputs; ++i) {
    for (std::int64_t o = 0; o < outputs; ++o) row[at(o)] = values_[at(o * inputs + i)];
    const RowwiseF32 args{.rows = 1, .columns = outputs, .x = row.data(), .y = row.data()};
    kernels().softmax_f32(&args);
    loss_ -= std::log(std::max(static_cast<double>(row[at(target)]), 1e-30));
    ++loss_pairs_;
    for (std::int64_t o = 0; o < outputs; ++o) values_[at(o * inputs + i)] = -rate * row[at(o)];
    values_[at(target * inputs + i)] += rate;
  }
}

}  // namespace pyseq
