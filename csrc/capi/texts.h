// The handle of what models for a task answer.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "capi/guard.h"

struct pyseq_texts {
  std::vector<std::pair<std::string, double>> entries;  // text, score; best first
};
