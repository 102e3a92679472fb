// The extension module pyseq._core. Nothing outside of this folder knows pybind11.
#include "bind/bind.h"
#include "bind/profile.h"

PYBIND11_MODULE(_core, module) {
  module.doc() = "The C++ core of pyseq.";
  pyseq::bind_errors(module);
  pyseq::bind_runtime(module);
  pyseq::bind_tensor(module);
  pyseq::bind_vocabulary(module);
  pyseq::bind_constraints(module);
  pyseq::bind_kv_cache(module);
  pyseq::bind_ops(module);
  pyseq::bind_optimizer(module);
  pyseq::bind_embeddings(module);
  pyseq::bind_safetensors(module);
  pyseq::bind_program(module);
  pyseq::bind_profile(module);
  pyseq::bind_machine_limits(module);
  pyseq::bind_decoding_options(module);
  pyseq::bind_decode(module);
  pyseq::bind_generator(module);
  pyseq::bind_generation_service(module);
  pyseq::bind_translator(module);
  pyseq::bind_classifier(module);
  pyseq::bind_captioner(module);
  pyseq::bind_ctc(module);
  pyseq::bind_ngram(module);
  pyseq::bind_ctc_decoder(module);
  pyseq::bind_tagger(module);
  pyseq::bind_stream_pool(module);
}
