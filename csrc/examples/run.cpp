// Runs a model file on the lines of standard input, whatever its task, without Python:
//
//     run MODEL.safetensors [SEED] < lines.txt
//
// A translator prints a line per line, a classifier the label and its probability, a language model goes on with the
// line (the same SEED writes the same text).
#include <pyseq/classifier.h>
#include <pyseq/generator.h>
#include <pyseq/translator.h>

#include <cstdio>
#include <exception>
#include <functional>
#include <iostream>
#include <memory>
#include <string>

namespace {

using Answer = std::function<std::string(const std::string& line)>;

Answer translator(std::shared_ptr<const pyseq::Program> program) {
  return
      [model = pyseq::Translator(std::move(program))](const std::string& line) { return model.translate(line).text; };
}

Answer classifier(std::shared_ptr<const pyseq::Program> program) {
  return [model = pyseq::Classifier(std::move(program))](const std::string& line) {
    const pyseq::LabelProbability best = model.classify(line).front();
    return best.label + '\t' + std::to_string(best.probability);
  };
}

Answer generator(std::shared_ptr<const pyseq::Program> program, std::uint64_t seed) {
  return [model = pyseq::Generator(std::move(program)), seed](const std::string& line) {
    pyseq::GenerationOptions options;
    options.sampling.seed = seed;
    return model.generate(line, options);
  };
}

Answer load(const std::string& file, std::uint64_t seed) {
  auto program = pyseq::Program::load(file);
  const std::string kind = pyseq::task_kind(*program);
  if (kind == "translator") return translator(std::move(program));
  if (kind == "classifier") return classifier(std::move(program));
  if (kind == "generator") return generator(std::move(program), seed);
  throw pyseq::UnsupportedError(file + ": a program with the task \"" + kind + "\"");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc < 2) throw pyseq::ValueError("the model file is missing");
    const Answer answer = load(argv[1], argc > 2 ? std::stoull(argv[2]) : 0);
    std::string line;
    while (std::getline(std::cin, line)) std::cout << answer(line) << std::endl;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "run: %s\n", error.what());
    return 1;
  }
}
