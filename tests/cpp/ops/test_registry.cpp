#include <set>

#include "fixture.h"

namespace pyseq::testing {
namespace {

TEST_CASE("the registry has the ops of docs/architecture.md, in alphabetical order") {
  const std::vector<std::string_view> expected = {"add",
                                                  "add_integer",
                                                  "add_layer_norm",
                                                  "add_rms_norm",
                                                  "additive_attention",
                                                  "argmax",
                                                  "attention",
                                                  "batch_norm",
                                                  "binary_cross_entropy",
                                                  "cached_attention",
                                                  "clip",
                                                  "concat",
                                                  "conv1d",
                                                  "conv2d",
                                                  "coupled_lstm",
                                                  "coupled_lstm_step",
                                                  "crf_loss",
                                                  "crf_marginals",
                                                  "cross_entropy",
                                                  "ctc_loss",
                                                  "divide",
                                                  "dropout",
                                                  "elu",
                                                  "embedding",
                                                  "exp",
                                                  "gather_rows",
                                                  "gelu",
                                                  "gru",
                                                  "gru_step",
                                                  "instance_norm",
                                                  "layer_norm",
                                                  "leaky_relu",
                                                  "learned_positions",
                                                  "linear",
                                                  "linear_pair",
                                                  "linear_triple",
                                                  "log",
                                                  "log_softmax",
                                                  "lstm",
                                                  "lstm_step",
                                                  "mask_rows",
                                                  "matmul",
                                                  "max",
                                                  "max_pool1d",
                                                  "max_pool2d",
                                                  "mean",
                                                  "mean_pool1d",
                                                  "mean_pool2d",
                                                  "merge_axes",
                                                  "multiply",
                                                  "negative",
                                                  "pack_keys",
                                                  "pack_rows",
                                                  "relu",
                                                  "rms_norm",
                                                  "rnn",
                                                  "rnn_step",
                                                  "rotary",
                                                  "sigmoid",
                                                  "silu",
                                                  "simple_gru",
                                                  "simple_gru_step",
                                                  "sinusoidal_positions",
                                                  "slice",
                                                  "softmax",
                                                  "softplus",
                                                  "split_axis",
                                                  "sqrt",
                                                  "stft",
                                                  "subtract",
                                                  "sum",
                                                  "tanh",
                                                  "top_k",
                                                  "unpack_rows",
                                                  "viterbi"};
  std::vector<std::string_view> names;
  for (const OpDef& op : all_ops()) names.push_back(op.name);
  CHECK(names == expected);
}

TEST_CASE("every op has a shape rule, a forward, a cost, and names that differ") {
  for (const OpDef& op : all_ops()) {
    CAPTURE(op.name);
    CHECK((op.infer != nullptr));
    CHECK((op.forward != nullptr));
    CHECK((op.cost != nullptr));
    CHECK(!op.outputs.empty());
    std::set<std::string_view> names;
    for (const InputDef& input : op.inputs) CHECK(names.insert(input.name).second);
    for (const AttrDef& attr : op.attrs) CHECK(names.insert(attr.name).second);
  }
}

TEST_CASE("find_op names the nearest ops") {
  CHECK(find_op("linear").name == "linear");
  CHECK(error_of([] { find_op("sofmax"); }) == "UnsupportedError: there is no op named 'sofmax'; near: softmax");
  CHECK(error_of([] { find_op("conv2d_transposed_wide"); }) ==
        "UnsupportedError: there is no op named 'conv2d_transposed_wide'");
}

TEST_CASE("normalize_attrs fills in defaults and takes integers for reals") {
  const Attrs defaults = normalize_attrs(find_op("layer_norm"), {}, "norm");
  CHECK(defaults.real(0) == 1e-5);
  const NamedAttrs named = {{"base", std::int64_t{100}}, {"start", std::int64_t{2}}};
  const Attrs attrs = normalize_attrs(find_op("sinusoidal_positions"), named, "positions");
  CHECK(attrs.integer(0) == 2);
  CHECK(attrs.text(1) == "interleaved");
  CHECK(attrs.real(2) == 100.0);
  CHECK(attrs.flag(3) == false);
}

TEST_CASE("normalize_attrs refuses unknown, repeated, missing and mistyped attributes") {
  const auto error = [](std::string_view op, const NamedAttrs& named) {
    return error_of([&] { normalize_attrs(find_op(op), named, "decoder.x"); });
  };
  CHECK(error("softmax", {{"axis", std::int64_t{1}}}) == "ValueError: decoder.x: softmax has no attribute 'axis'");
  CHECK(error("attention", {}) == "ValueError: decoder.x: attribute num_heads is missing");
  CHECK(error("layer_norm", {{"epsilon", 1.0}, {"epsilon", 2.0}}) ==
        "ValueError: decoder.x: attribute epsilon is given twice");
  CHECK(error("layer_norm", {{"epsilon", std::string("small")}}) ==
        "ValueError: decoder.x: attribute epsilon has a text, expected a number");
  CHECK(error("attention", {{"num_heads", 2.0}}) ==
        "ValueError: decoder.x: attribute num_heads has a number, expected an integer");
}

TEST_CASE("run_op refuses missing, surplus and cache-less calls") {
  const Tensor x = random({2, 3}, 1);
  CHECK(error_of([&] { run("linear", {x}); }) == "ValueError: linear: weight is missing");
  CHECK(error_of([&] { run("relu", {x, x}); }) == "ValueError: relu: got 2 inputs, expected at most 1");
  const Tensor states = random({1, 1, 4}, 2);
  const RunArgs args{.attrs = {{"num_heads", std::int64_t{1}}}};
  CHECK(error_of([&] { run("cached_attention", {states, states, states}, args); }) ==
        "ValueError: cached_attention: got 0 caches, expected 1");
}

TEST_CASE("messages start with the label of the call") {
  const RunArgs args{.label = "encoder.norm"};
  CHECK(error_of([&] { run("layer_norm", {random({2, 3, 4}, 1), random({3}, 2)}, args); }) ==
        "ShapeError: encoder.norm: weight has 3 elements, expected 4 (last dimension of x [2, 3, 4])");
}

TEST_CASE("run_op looks at the limits before it starts") {
  CancelToken cancel;
  cancel.cancel();
  RunArgs args;
  args.limits.cancel = &cancel;
  CHECK_THROWS_AS(run("relu", {random({3}, 1)}, args), CancelledError);
}

TEST_CASE("costs count multiply and add, and what is read and written") {
  const OpDef& op = find_op("linear");
  const std::vector<Tensor> inputs = {
      Tensor::meta(DType::float32, {5, 7}), Tensor::meta(DType::float32, {3, 7}), {}, {}};
  const Attrs attrs = normalize_attrs(op, {}, "linear");
  const OpArgs args{"linear", inputs, {}, attrs};
  std::vector<TensorType> outputs(1);
  op.infer(args, outputs);
  const OpCost cost = op.cost(args, outputs);
  CHECK(cost.flops == 2.0 * 5 * 3 * 7);
  CHECK(cost.bytes == 4.0 * (5 * 7 + 3 * 7 + 5 * 3));
}

}  // namespace
}  // namespace pyseq::testing
