#include "capi/program.h"

using pyseq::capi::guarded;
using pyseq::capi::required;
using pyseq::capi::required_result;
using pyseq::capi::required_text;

pyseq_status pyseq_program_load(const char* file, pyseq_program** result) {
  return guarded("pyseq_program_load", [&] {
    pyseq_program*& place = required_result(result);
    place = new pyseq_program{pyseq::Program::load(required_text(file, "file"))};
  });
}

void pyseq_program_free(pyseq_program* program) {
  delete program;
}

const char* pyseq_program_task(const pyseq_program* program) {
  return program == nullptr ? nullptr : program->program->task().c_str();
}

pyseq_status pyseq_program_check_function(const pyseq_program* program, const char* function) {
  return guarded("pyseq_program_check_function",
                 [&] { required(program, "program").program->check_function(required_text(function, "function")); });
}
