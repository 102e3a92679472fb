#include "pyseq/profile.h"

#include <algorithm>
#include <string>
#include <utility>

#include "graph/profile_recorder.h"

namespace pyseq {
namespace {

thread_local Profile* innermost = nullptr;

DType weight_type(const CompiledNode& node) {
  for (const Operand& operand : node.inputs) {
    if (operand.weight.is_packed()) return operand.weight.dtype();
  }
  return DType::float32;
}

OpCost cost_of(const CompiledNode& node, const OpArgs& args) {
  std::vector<TensorType> outputs(node.op->outputs.size());
  node.op->infer(args, outputs);
  return node.op->cost(args, outputs);
}

}  // namespace

Profile::Profile(std::shared_ptr<const Program> only) : only_(std::move(only)) {}

std::vector<ProfileEvent> Profile::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

std::vector<ProfiledNode> Profile::nodes() const {
  const std::lock_guard lock(mutex_);
  return nodes_;
}

void Profile::clear() {
  const std::lock_guard lock(mutex_);
  if (depth_ > 0) throw ValueError("profile: cleared inside of a run that it collects");
  events_.clear();
  nodes_.clear();
  numbers_.clear();
  seen_.clear();
}

ProfileScope::ProfileScope(std::shared_ptr<Profile> profile) : profile_(std::move(profile)), outer_(innermost) {
  if (profile_ == nullptr) throw ValueError("profile scope: there is no profile");
  innermost = profile_.get();
}

ProfileScope::~ProfileScope() {
  innermost = outer_;
}

bool ProfileScope::is_innermost() const {
  return innermost == profile_.get();
}

Profile* ProfileRecorder::active(const Program& program) {
  const bool is_wanted = innermost != nullptr && (innermost->only_ == nullptr || innermost->only_.get() == &program);
  return is_wanted ? innermost : nullptr;
}

ProfileRecorder::ProfileRecorder(Profile& profile, std::shared_ptr<const Program> program)
    : profile_(profile), lock_(profile.mutex_) {
  auto& seen = profile.seen_;
  if (std::find(seen.begin(), seen.end(), program) == seen.end()) seen.push_back(std::move(program));
}

int ProfileRecorder::number(const CompiledFunction& function, const CompiledNode* node) {
  const auto next = static_cast<int>(profile_.nodes_.size());
  const auto [found, is_new] = profile_.numbers_.try_emplace({&function, node}, next);
  if (!is_new) return found->second;
  ProfiledNode entry{.function = function.name, .op = {}, .name = {}, .dtype = DType::float32};
  if (node != nullptr) {
    const char* loop = node->loop && node->loop->kind == LoopDef::Kind::scan ? "scan" : "repeat";
    entry.op = node->op != nullptr ? std::string(node->op->name) : loop;
    entry.name = node->label;
    entry.dtype = weight_type(*node);
  }
  profile_.nodes_.push_back(std::move(entry));
  return next;
}

ProfileRecorder::Span ProfileRecorder::function(const CompiledFunction& function) {
  const double begin = profile_.now();
  return {*this, begin, number(function, nullptr), {}};
}

ProfileRecorder::Span ProfileRecorder::loop(const CompiledFunction& function, const CompiledNode& node) {
  const double begin = profile_.now();
  return {*this, begin, number(function, &node), {}};
}

ProfileRecorder::Span ProfileRecorder::op(const CompiledFunction& function, const CompiledNode& node,
                                          const OpArgs& args) {
  const double begin = profile_.now();
  return {*this, begin, number(function, &node), cost_of(node, args)};
}

ProfileRecorder::Span::Span(ProfileRecorder& recorder, double begin, int node, OpCost cost)
    : recorder_(&recorder), event_(recorder.profile_.events_.size()) {
  Profile& profile = recorder.profile_;
  profile.events_.push_back({.node = node, .depth = profile.depth_, .flops = cost.flops, .bytes = cost.bytes});
  ++profile.depth_;
  ProfileEvent& event = profile.events_.back();
  event.start = profile.now();  // last, so that the list's growth is not counted
  event.overhead = event.start - begin;
}

ProfileRecorder::Span::~Span() {
  if (recorder_ == nullptr) return;
  Profile& profile = recorder_->profile_;
  ProfileEvent& event = profile.events_[event_];
  event.seconds = profile.now() - event.start;
  --profile.depth_;
}

}  // namespace pyseq
