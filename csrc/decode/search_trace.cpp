#include "pyseq/search_trace.h"

#include <nlohmann/json.hpp>
#include <set>

#include "decode/trace_recorder.h"

namespace pyseq {
namespace {

using Json = nlohmann::ordered_json;

constexpr const char* kFormat = "pyseq.beam_trace/1";

Json node_or_null(TokenTree::Node node) {
  return node == TokenTree::kRoot ? Json(nullptr) : Json(node);
}

const char* kind(Fate fate, bool done_early) {
  switch (fate) {
    case Fate::alive:
      return done_early ? "pruned" : "alive";
    case Fate::finished:
      return "finished";
    case Fate::banned:
    case Fate::not_forced:
      return "banned";
    default:
      return "pruned";
  }
}

std::string why(const ObservedCandidate& candidate, const SearchTrace::Data& trace, bool done_early) {
  switch (candidate.fate) {
    case Fate::alive:
      return done_early ? "the beam is done" : "";
    case Fate::finished:
      return candidate.token == trace.marks.end ? "end mark" : "max_length";
    case Fate::outside:
      return "not among the best";
    case Fate::ended_outside:
      return "ended, not among the best";
    case Fate::banned:
      return candidate.rule;
    case Fate::not_forced:
      return "prefix";
    case Fate::not_drawn:
      return "not drawn";
  }
  return "";
}

Json as_json(const ObservedCandidate& candidate, const SearchTrace::Data& trace, bool done_early) {
  Json result;
  result["parent"] = node_or_null(candidate.parent);
  result["node"] = node_or_null(candidate.node);
  result["token"] = candidate.token;
  result["token_log_prob"] = candidate.token_log_prob;
  result["log_prob"] = candidate.log_prob;
  result["rank"] = candidate.rank;
  result["score"] = candidate.fate == Fate::finished ? Json(candidate.score) : Json(nullptr);
  result["fate"] = kind(candidate.fate, done_early);
  result["why"] = why(candidate, trace, done_early);
  return result;
}

Json options_of(const SearchTrace::Data& trace) {
  const DecodingOptions& options = trace.options;
  return {{"start", trace.marks.start},
          {"end", trace.marks.end == kNoEndMark ? Json(nullptr) : Json(trace.marks.end)},
          {"beam_size", options.beam_size},
          {"n_best", options.n_best},
          {"groups", options.groups},
          {"length_penalty", options.length_penalty},
          {"coverage_penalty", options.coverage_penalty},
          {"patience", options.patience},
          {"min_length", options.min_length},
          {"max_length", options.max_length}};
}

}  // namespace

std::string SearchTrace::json(const TraceNames& names) const {
  Json result;
  result["format"] = kFormat;
  result["source"] = data_->source;
  result["title"] = names.title;
  result["options"] = options_of(*data_);
  Json steps = Json::array(), hypotheses = Json::array(), tokens;
  for (const Data::Step& step : data_->steps) {
    Json candidates = Json::array();
    for (const ObservedCandidate& candidate : step.candidates) {
      candidates.push_back(as_json(candidate, *data_, step.done_early));
      const std::string number = std::to_string(candidate.token);
      if (names.text && !tokens.contains(number)) tokens[number] = names.text(candidate.token);
    }
    steps.push_back({{"beam", step.beam}, {"length", step.length}, {"done", step.done_early}});
    steps.back()["candidates"] = std::move(candidates);
  }
  for (const ObservedResult& found : data_->results) {
    hypotheses.push_back(
        {{"beam", found.beam}, {"node", found.node}, {"score", found.score}, {"finished", found.finished}});
  }
  result["tokens"] = std::move(tokens);
  result["separator"] = names.separator;
  result["steps"] = std::move(steps);
  result["hypotheses"] = std::move(hypotheses);
  return result.dump(-1, ' ', false, Json::error_handler_t::replace);
}

}  // namespace pyseq
