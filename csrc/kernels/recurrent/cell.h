// The kinds of recurrent cells, as kernels know them.
#pragma once

#include <cstdint>

#include "kernels/declare.h"

namespace pyseq {

/// What happens to the gates of a unit. Gates are numbered as in the weights.
enum class RecurrentCell : std::int32_t {
  gates_only,     // nothing: the product alone, finished
  rnn_tanh,       // h = tanh(a)
  rnn_relu,       // h = relu(a)
  gru,            // r, z, n; the reset after the recurrent product
  gru_reset,      // r, z, n; the reset before the product, first half: r ⊙ h_prev, and z in place of its gate
  gru_candidate,  // second half, after the product of r ⊙ h_prev for gate n
  simple_gru,     // z, n
  lstm,           // i, f, g, o
  coupled_lstm,   // f, g, o with i = 1 - f
};

}  // namespace pyseq
