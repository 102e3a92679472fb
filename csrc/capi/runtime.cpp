#include "capi/guard.h"

using pyseq::capi::guarded;
using pyseq::capi::required;
using pyseq::capi::required_result;

const char* pyseq_version(void) {
  return pyseq::version();
}

pyseq_status pyseq_set_num_threads(int count) {
  return guarded("pyseq_set_num_threads", [&] { pyseq::set_num_threads(count); });
}

int pyseq_num_threads(void) {
  int count = 1;
  guarded("pyseq_num_threads", [&] { count = pyseq::num_threads(); });
  return count;
}

pyseq_status pyseq_cancel_new(pyseq_cancel** result) {
  return guarded("pyseq_cancel_new", [&] { required_result(result) = new pyseq_cancel; });
}

pyseq_status pyseq_cancel_set(pyseq_cancel* cancel) {
  return guarded("pyseq_cancel_set", [&] { required(cancel, "cancel").token.cancel(); });
}

pyseq_status pyseq_cancel_reset(pyseq_cancel* cancel) {
  return guarded("pyseq_cancel_reset", [&] { required(cancel, "cancel").token.reset(); });
}

void pyseq_cancel_free(pyseq_cancel* cancel) {
  delete cancel;
}
