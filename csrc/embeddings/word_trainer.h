// Trains word vectors on a corpus of numbers.
#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "embeddings/row_merger.h"
#include "embeddings/slice_worker.h"

namespace pyseq {

/// The learning rate falls in a line over the whole training: from `first` to `last`, where `done` of `total` tokens
/// lie before the corpus at hand.
struct RateLine {
  double first, last;
  std::int64_t done, total;
};

struct TrainedPart {
  std::int64_t position = 0;  // where to go on in the corpus
  std::int64_t words = 0;
  double loss = 0.0;  // of a sample of windows, per pair of words
  std::int64_t pairs = 0;
};

/// Deterministic training takes `partitions` slices at a time: each is worked on with the vectors as they were before,
/// then what they changed is merged in their order. Neither step depends on the number of threads. Otherwise every
/// thread merges its slice at once, without waiting for the others.
class WordTrainer {
 public:
  WordTrainer(const WordOptions& options, const WordTables& tables, std::vector<std::int64_t> counts,
              RowLists subwords);

  /// Trains on tokens from `position` on until at least `most` of them are done, or all.
  TrainedPart train(std::span<const std::int32_t> tokens, std::int64_t position, std::int64_t most, std::uint64_t epoch,
                    const RateLine& rates);

 private:
  struct Worker {
    explicit Worker(const WordTask& task) : slice(task) {}
    SliceWorker slice;
    RowShares input_shares, output_shares;
    std::unique_ptr<RowMerger> input_merger, output_merger;  // of its own: only without an order
  };

  std::vector<CorpusSlice> next_slices(std::span<const std::int32_t> tokens, std::int64_t& position, int count,
                                       std::uint64_t epoch, const RateLine& rates) const;
  void run(Worker& worker, const CorpusSlice& slice);
  void run_round(std::span<const CorpusSlice> slices, TrainedPart& part);
  void run_unordered(std::span<const CorpusSlice> slices, TrainedPart& part);
  std::unique_ptr<RowMerger> make_input_merger() const;
  std::unique_ptr<RowMerger> make_output_merger() const;

  WordTask task_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<RowMerger> input_merger_, output_merger_;
  std::mutex mutex_;
  std::vector<Worker*> idle_;  // of unordered training
};

}  // namespace pyseq
