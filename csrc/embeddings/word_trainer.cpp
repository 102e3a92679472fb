#include "embeddings/word_trainer.h"

#include <algorithm>
#include <utility>

#include "base/threads.h"
#include "pyseq/error.h"

namespace pyseq {
namespace {

constexpr int kUnorderedSlices = 64;  // that are shared out at a time

/// Where the slice from `begin` on ends: behind the last sentence that fits, or in the middle of one that is too long.
std::size_t slice_end(std::span<const std::int32_t> tokens, std::size_t begin, std::size_t most) {
  if (tokens.size() - begin <= most) return tokens.size();
  for (std::size_t end = begin + most; end > begin; --end) {
    if (tokens[end - 1] < 0) return end;
  }
  return begin + most;
}

void add(const SliceWorker& slice, TrainedPart& part) {
  part.words += slice.words();
  part.loss += slice.loss();
  part.pairs += slice.loss_pairs();
}

}  // namespace

WordTrainer::WordTrainer(const WordOptions& options, const WordTables& tables, std::vector<std::int64_t> counts,
                         RowLists subwords)
    : task_(options, tables, std::move(counts), std::move(subwords)) {
  if (!options.deterministic) return;
  input_merger_ = make_input_merger();
  output_merger_ = make_output_merger();
  for (int i = 0; i < options.partitions; ++i) workers_.push_back(std::make_unique<Worker>(task_));
}

std::unique_ptr<RowMerger> WordTrainer::make_input_merger() const {
  return std::make_unique<RowMerger>(task_.tables.input, task_.tables.input_rows, task_.tables.width);
}
std::unique_ptr<RowMerger> WordTrainer::make_output_merger() const {
  return std::make_unique<RowMerger>(task_.tables.output, task_.tables.output_rows, task_.tables.width);
}

TrainedPart WordTrainer::train(std::span<const std::int32_t> tokens, std::int64_t position, std::int64_t most,
                               std::uint64_t epoch, const RateLine& rates) {
  const auto size = static_cast<std::int64_t>(tokens.size());
  if (position < 0 || position > size) {
    throw IndexError("word vectors: position is " + std::to_string(position) + ", expected at most " +
                     std::to_string(size));
  }
  TrainedPart part;
  part.position = position;
  const std::int64_t until = position + std::min(most, size - position);
  with_team([&] {
    while (part.position < until) {
      const int count = task_.options.deterministic ? task_.options.partitions : kUnorderedSlices;
      const std::vector<CorpusSlice> slices = next_slices(tokens, part.position, count, epoch, rates);
      if (task_.options.deterministic) {
        run_round(slices, part);
      } else {
        run_unordered(slices, part);
      }
    }
  });
  return part;
}

std::vector<CorpusSlice> WordTrainer::next_slices(std::span<const std::int32_t> tokens, std::int64_t& position,
                                                  int count, std::uint64_t epoch, const RateLine& rates) const {
  std::vector<CorpusSlice> slices;
  auto begin = static_cast<std::size_t>(position);
  while (static_cast<int>(slices.size()) < count && begin < tokens.size()) {
    const std::size_t end = slice_end(tokens, begin, static_cast<std::size_t>(task_.options.slice_tokens));
    const double share = std::min(
        1.0, static_cast<double>(rates.done + static_cast<std::int64_t>(begin)) / static_cast<double>(rates.total));
    const double rate = rates.first + (rates.last - rates.first) * share;
    slices.push_back({tokens.subspan(begin, end - begin), epoch, begin, static_cast<float>(rate)});
    begin = end;
  }
  position = static_cast<std::int64_t>(begin);
  return slices;
}

void WordTrainer::run(Worker& worker, const CorpusSlice& slice) {
  worker.slice.run(slice);
  worker.input_shares.collect(worker.slice.inputs(), task_.has_subwords() ? &task_.subwords : nullptr);
  worker.output_shares.collect(worker.slice.outputs(), nullptr);
}

void WordTrainer::run_round(std::span<const CorpusSlice> slices, TrainedPart& part) {
  parallel_for(static_cast<std::int64_t>(slices.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i)
      run(*workers_[static_cast<std::size_t>(i)], slices[static_cast<std::size_t>(i)]);
  });
  std::vector<SliceChange> inputs, outputs;
  for (std::size_t i = 0; i < slices.size(); ++i) {
    const Worker& worker = *workers_[i];
    inputs.push_back({&worker.slice.inputs(), &worker.input_shares});
    outputs.push_back({&worker.slice.outputs(), &worker.output_shares});
    add(worker.slice, part);
  }
  const float rate = slices.front().rate;
  parallel_for(2 * kMergeShards, 1, [&](std::int64_t begin, std::int64_t end) {
    for (std::int64_t i = begin; i < end; ++i) {
      const int shard = static_cast<int>(i / 2);
      if (i % 2 == 0) {
        input_merger_->merge(shard, inputs, rate);
      } else {
        output_merger_->merge(shard, outputs, rate);
      }
    }
  });
}

void WordTrainer::run_unordered(std::span<const CorpusSlice> slices, TrainedPart& part) {
  const auto take = [&] {
    const std::scoped_lock lock(mutex_);
    if (idle_.empty()) {
      workers_.push_back(std::make_unique<Worker>(task_));
      workers_.back()->input_merger = make_input_merger();
      workers_.back()->output_merger = make_output_merger();
      return workers_.back().get();
    }
    Worker* worker = idle_.back();
    idle_.pop_back();
    return worker;
  };
  parallel_for(static_cast<std::int64_t>(slices.size()), 1, [&](std::int64_t begin, std::int64_t end) {
    Worker& worker = *take();
    for (std::int64_t i = begin; i < end; ++i) {
      const CorpusSlice& slice = slices[static_cast<std::size_t>(i)];
      run(worker, slice);
      const SliceChange input{&worker.slice.inputs(), &worker.input_shares};
      const SliceChange output{&worker.slice.outputs(), &worker.output_shares};
      for (int shard = 0; shard < kMergeShards; ++shard) {
        worker.input_merger->merge(shard, std::span(&input, 1), slice.rate);
        worker.output_merger->merge(shard, std::span(&output, 1), slice.rate);
      }
      const std::scoped_lock lock(mutex_);
      add(worker.slice, part);
    }
    const std::scoped_lock lock(mutex_);
    idle_.push_back(&worker);
  });
}

}  // namespace pyseq
