// Transliterates (or translates) the lines of standard input with a model file, without Python:
//
//     transliterate MODEL.safetensors [--beam-size N] [--n-best N] [--length-penalty P] < words.txt
//
// prints a line per hypothesis: the word, a tab, its transliteration, a tab, the score with all its digits.
#include <pyseq/translator.h>

#include <cstdio>
#include <exception>
#include <iostream>
#include <stdexcept>
#include <string>

namespace {

struct Arguments {
  std::string model;
  pyseq::DecodingOptions options;
};

template <typename Parse>
auto parse_number(const std::string& name, const std::string& text, Parse parse) {
  std::size_t used = 0;
  try {
    const auto value = parse(text, &used);
    if (used == text.size()) return value;
  } catch (const std::logic_error&) {  // what std::stoi and std::stod throw
  }
  throw pyseq::ValueError(name + " is \"" + text + "\", expected a number");
}

Arguments parse(int argc, char** argv) {
  const auto integer = [](const std::string& text, std::size_t* used) { return std::stoi(text, used); };
  const auto real = [](const std::string& text, std::size_t* used) { return std::stod(text, used); };
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name.rfind("--", 0) != 0) {
      arguments.model = name;
      continue;
    }
    if (++i == argc) throw pyseq::ValueError(name + " needs a value");
    if (name == "--beam-size") {
      arguments.options.beam_size = parse_number(name, argv[i], integer);
    } else if (name == "--n-best") {
      arguments.options.n_best = parse_number(name, argv[i], integer);
    } else if (name == "--length-penalty") {
      arguments.options.length_penalty = parse_number(name, argv[i], real);
    } else {
      throw pyseq::ValueError("unknown option " + name);
    }
  }
  if (arguments.model.empty()) throw pyseq::ValueError("the model file is missing");
  return arguments;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Arguments arguments = parse(argc, argv);
    const pyseq::Translator translator = pyseq::Translator::load(arguments.model);
    std::string word;
    while (std::getline(std::cin, word)) {
      const auto results = translator.translate_batch({word}, arguments.options);
      for (const pyseq::Translation& best : results[0]) {
        std::printf("%s\t%s\t%.17g\n", word.c_str(), best.text.c_str(), best.score);
      }
      std::fflush(stdout);
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "transliterate: %s\n", error.what());
    return 1;
  }
}
