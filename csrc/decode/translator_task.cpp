#include "decode/translator_task.h"

#include "decode/attention_field.h"
#include "decode/task_fields.h"

namespace pyseq {

TranslatorTask parse_translator_task(const std::string& json) {
  const TaskFields task(json, "translator");
  TranslatorTask result;
  result.source_vocabulary = task.text("source_vocabulary");
  result.target_vocabulary = task.text("target_vocabulary");
  result.source_suffix = task.ids("source_suffix");
  result.marks = {task.integer("start", 0), task.integer("end", 0)};
  result.max_length = task.integer("max_length", 1);
  result.attention = attention_field(task);
  return result;
}

}  // namespace pyseq
