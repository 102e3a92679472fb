// Runs a model file on the lines of standard input, whatever its task, without Python:
//
//     run MODEL.safetensors [SEED] < lines.txt
//
// A translator prints a line per line, a classifier the label and its probability, a tagger the spans that it finds
// ("label: words", tabs between) or every word with its label, a language model goes on with the line (the same SEED
// writes the same text). A captioner takes the line as the name of a binary PPM file (P6) of the size that it knows:
// `convert picture.png -background white -flatten -resize 32x32! picture.ppm` makes one.
#include <pyseq/captioner.h>
#include <pyseq/classifier.h>
#include <pyseq/generator.h>
#include <pyseq/tagger.h>
#include <pyseq/translator.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <string>
#include <vector>

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

Answer tagger(std::shared_ptr<const pyseq::Program> program) {
  return [model = pyseq::Tagger(std::move(program))](const std::string& line) {
    const std::vector<pyseq::WordLabel> words = model.tag(line);
    const auto& labels = model.labels();
    std::string answer;
    if (std::find(labels.begin(), labels.end(), "O") == labels.end()) {
      for (const pyseq::WordLabel& word : words) {
        answer += (answer.empty() ? "" : " ") + line.substr(word.begin, word.end - word.begin) + "_" + word.label;
      }
      return answer;
    }
    for (const pyseq::LabelledSpan& span : pyseq::spans_of(words)) {
      answer += (answer.empty() ? "" : "\t") + span.label + ": " + line.substr(span.begin, span.end - span.begin);
    }
    return answer;
  };
}

Answer generator(std::shared_ptr<const pyseq::Program> program, std::uint64_t seed) {
  return [model = pyseq::Generator(std::move(program)), seed](const std::string& line) {
    pyseq::GenerationOptions options;
    options.sampling.seed = seed;
    return model.generate(line, options);
  };
}

/// The pixels of a binary PPM file of this size: [height, width, 3] uint8. Its header is "P6 width height 255".
pyseq::Tensor read_ppm(const std::string& file, std::int64_t height, std::int64_t width) {
  std::ifstream stream(file, std::ios::binary);
  std::string format;
  std::int64_t found_width = 0, found_height = 0, largest = 0;
  stream >> format >> found_width >> found_height >> largest;
  if (!stream || format != "P6" || found_width != width || found_height != height || largest != 255) {
    throw pyseq::ValueError(file + ": not a binary PPM file of " + std::to_string(width) + " x " +
                            std::to_string(height) + " pixels without comments");
  }
  stream.get();  // the blank behind the header
  pyseq::Tensor image = pyseq::Tensor::empty(pyseq::DType::uint8, {height, width, 3});
  stream.read(reinterpret_cast<char*>(image.mutable_data<std::uint8_t>()), height * width * 3);
  if (!stream) throw pyseq::ValueError(file + ": the file ends too early");
  return image;
}

Answer captioner(std::shared_ptr<const pyseq::Program> program) {
  return [model = pyseq::Captioner(std::move(program))](const std::string& line) {
    const auto& size = model.image_size();
    pyseq::DecodingOptions options;
    options.beam_size = 4;
    return model.caption(read_ppm(line, size[0], size[1]), options).text;
  };
}

Answer load(const std::string& file, std::uint64_t seed) {
  auto program = pyseq::Program::load(file);
  const std::string kind = pyseq::task_kind(*program);
  if (kind == "translator") return translator(std::move(program));
  if (kind == "classifier") return classifier(std::move(program));
  if (kind == "tagger") return tagger(std::move(program));
  if (kind == "generator") return generator(std::move(program), seed);
  if (kind == "captioner") return captioner(std::move(program));
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
