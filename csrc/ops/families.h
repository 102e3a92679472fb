// How each op family adds its ops to the registry.
#pragma once

#include <vector>

#include "ops/registry.h"

namespace pyseq {

void add_additive_attention_ops(std::vector<OpDef>& ops);
void add_attention_ops(std::vector<OpDef>& ops);
void add_axes_ops(std::vector<OpDef>& ops);
void add_batch_norm_ops(std::vector<OpDef>& ops);
void add_binary_loss_ops(std::vector<OpDef>& ops);
void add_cached_attention_ops(std::vector<OpDef>& ops);
void add_convolution_ops(std::vector<OpDef>& ops);
void add_crf_label_ops(std::vector<OpDef>& ops);
void add_crf_loss_ops(std::vector<OpDef>& ops);
void add_ctc_ops(std::vector<OpDef>& ops);
void add_dropout_ops(std::vector<OpDef>& ops);
void add_elementwise_ops(std::vector<OpDef>& ops);
void add_embedding_ops(std::vector<OpDef>& ops);
void add_function_ops(std::vector<OpDef>& ops);
void add_instance_norm_ops(std::vector<OpDef>& ops);
void add_linear_ops(std::vector<OpDef>& ops);
void add_linear_group_ops(std::vector<OpDef>& ops);
void add_matmul_ops(std::vector<OpDef>& ops);
void add_loss_ops(std::vector<OpDef>& ops);
void add_normalization_ops(std::vector<OpDef>& ops);
void add_padding_ops(std::vector<OpDef>& ops);
void add_pooling_ops(std::vector<OpDef>& ops);
void add_position_ops(std::vector<OpDef>& ops);
void add_recurrent_ops(std::vector<OpDef>& ops);
void add_rotary_ops(std::vector<OpDef>& ops);
void add_reduction_ops(std::vector<OpDef>& ops);
void add_softmax_ops(std::vector<OpDef>& ops);
void add_spectrum_ops(std::vector<OpDef>& ops);
void add_structure_ops(std::vector<OpDef>& ops);
void add_top_k_ops(std::vector<OpDef>& ops);

}  // namespace pyseq
