#include "ops/activations.h"

#include <string>
#include <utility>

#include "ops/checks.h"

namespace pyseq {
namespace {

constexpr std::pair<std::string_view, Activation> kActivations[] = {
    {"none", Activation::none}, {"relu", Activation::relu},
    {"gelu", Activation::gelu}, {"gelu_tanh", Activation::gelu_tanh},
    {"tanh", Activation::tanh}, {"sigmoid", Activation::sigmoid},
    {"silu", Activation::silu}};

}  // namespace

Activation parse_activation(std::string_view label, std::string_view attribute, std::string_view name) {
  std::string known;
  for (const auto& [text, activation] : kActivations) {
    if (text == name) return activation;
    known.append(known.empty() ? "" : ", ").append(text);
  }
  throw_value(label, attribute, in_quotes(name), "one of " + known);
}

Activation parse_nonlinearity(std::string_view label, std::string_view name) {
  if (name == "tanh") return Activation::tanh;
  if (name == "relu") return Activation::relu;
  throw_value(label, "nonlinearity", in_quotes(name), "tanh or relu");
}

}  // namespace pyseq
