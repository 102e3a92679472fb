// One step of each optimizer, element by element.
#pragma once

#include "kernels/optimizer/args.h"
#include "kernels/vector/row.h"

namespace pyseq {
namespace {

/// Moving average: old + rate · (x - old)
inline Float moved(Float old, Float x, Float rate) {
  return fma(rate, x - old, old);
}

/// The gradient with the weight decay that belongs to it.
inline Float decayed_gradient(const UpdateF32& part, Float value, std::int64_t i, std::int64_t count) {
  return fma(broadcast(part.weight_decay), value, load(part.gradient + i, count));
}

/// value - learning_rate · direction
inline void descend(const UpdateF32& part, Float value, Float direction, std::int64_t i, std::int64_t count) {
  store(part.value + i, fma(broadcast(-part.learning_rate), direction, value), count);
}

void sgd_f32(const SgdF32* pointer) {
  const SgdF32& args = *pointer;
  const Float momentum = broadcast(args.momentum), share = broadcast(args.share);
  for_row(args.part.n, [&](std::int64_t i, std::int64_t count) {
    const Float value = load(args.part.value + i, count);
    Float direction = decayed_gradient(args.part, value, i, count);
    if (args.buffer != nullptr) {
      const Float buffer = fma(momentum, load(args.buffer + i, count), share * direction);
      store(args.buffer + i, buffer, count);
      direction = args.nesterov ? fma(momentum, buffer, direction) : buffer;
    }
    descend(args.part, value, direction, i, count);
  });
}

void adam_f32(const AdamF32* pointer) {
  const AdamF32& args = *pointer;
  const Float first_rate = broadcast(args.first_rate), second_rate = broadcast(args.second_rate);
  const Float step = broadcast(-args.part.learning_rate / args.first_correction);
  const float shrink = args.decoupled ? 1.0F - args.part.learning_rate * args.part.weight_decay : 1.0F;
  const float decay = args.decoupled ? 0.0F : args.part.weight_decay;
  const float root = 1.0F / args.root_second_correction;
  for_row(args.part.n, [&](std::int64_t i, std::int64_t count) {
    const Float value = load(args.part.value + i, count);
    const Float gradient = fma(broadcast(decay), value, load(args.part.gradient + i, count));
    const Float first = moved(load(args.first + i, count), gradient, first_rate);
    const Float second = moved(load(args.second + i, count), gradient * gradient, second_rate);
    store(args.first + i, first, count);
    store(args.second + i, second, count);
    const Float scale = fma(sqrt(second), broadcast(root), broadcast(args.epsilon));
    store(args.part.value + i, fma(step, first / scale, value * shrink), count);
  });
}

void adagrad_f32(const AdagradF32* pointer) {
  const AdagradF32& args = *pointer;
  for_row(args.part.n, [&](std::int64_t i, std::int64_t count) {
    const Float value = load(args.part.value + i, count);
    const Float gradient = decayed_gradient(args.part, value, i, count);
    const Float sum = fma(gradient, gradient, load(args.sum + i, count));
    store(args.sum + i, sum, count);
    descend(args.part, value, gradient / (sqrt(sum) + args.epsilon), i, count);
  });
}

void rmsprop_f32(const RmspropF32* pointer) {
  const RmspropF32& args = *pointer;
  const Float rate = broadcast(args.rate);
  for_row(args.part.n, [&](std::int64_t i, std::int64_t count) {
    const Float value = load(args.part.value + i, count);
    const Float gradient = decayed_gradient(args.part, value, i, count);
    const Float square = moved(load(args.square + i, count), gradient * gradient, rate);
    store(args.square + i, square, count);
    Float variance = square;
    if (args.mean != nullptr) {
      const Float mean = moved(load(args.mean + i, count), gradient, rate);
      store(args.mean + i, mean, count);
      // Rounding can make it a little negative where gradients hardly change.
      variance = max(square - mean * mean, Float{});
    }
    Float direction = gradient / (sqrt(variance) + args.epsilon);
    if (args.buffer != nullptr) {
      direction = fma(broadcast(args.momentum), load(args.buffer + i, count), direction);
      store(args.buffer + i, direction, count);
    }
    descend(args.part, value, direction, i, count);
  });
}

}  // namespace
}  // namespace pyseq
