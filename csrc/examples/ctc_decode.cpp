// Decodes the frames of a CTC model with an n-gram language model, without Python:
//
//     ctc_decode TOKENS.txt FRAMES.npy [--language-model FILE] [--lexicon WORDS.txt] [--beam-size N] [--alpha A]
//                [--beta B] [--words]
//
// TOKENS.txt has the text of a class per line, the blank's first; a line "<space>" is the space between words.
// FRAMES.npy holds log-probabilities [time, classes] (float32). Prints the text, a tab and the score; with --words a
// line per word: the word, its first frame, the frame behind its last one, its confidence.
#include <pyseq/ctc_decoder.h>

#include <cstdio>
#include <cstring>
#include <exception>
#include <fstream>
#include <iterator>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

namespace {

std::vector<std::string> read_lines(const std::string& file) {
  std::ifstream stream(file);
  if (!stream) throw pyseq::ValueError("cannot open " + file);
  std::vector<std::string> lines;
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

/// The number behind `text` in the header of an .npy file.
std::int64_t number_behind(const std::string& header, std::size_t at) {
  try {
    return std::stoll(header.substr(at));
  } catch (const std::logic_error&) {
    return -1;
  }
}

/// A matrix of float32 as NumPy writes it: magic, version 1.0, length of the header, the header, the values.
pyseq::Tensor read_npy(const std::string& file) {
  std::ifstream stream(file, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(stream)), std::istreambuf_iterator<char>());
  const auto fail = [&](const char* what) { throw pyseq::FormatError(file + ": " + what); };
  if (bytes.size() < 10 || bytes.compare(0, 8, std::string("\x93NUMPY\x01\0", 8)) != 0) fail("not an .npy file");
  const std::size_t begin = 10 + static_cast<unsigned char>(bytes[8]) + 256 * static_cast<unsigned char>(bytes[9]);
  if (bytes.size() < begin) fail("the file ends too early");
  const std::string header = bytes.substr(10, begin - 10);
  const std::size_t shape = header.find("'shape': ("), comma = header.find(',', shape);
  if (header.find("'descr': '<f4'") == std::string::npos ||
      header.find("'fortran_order': False") == std::string::npos || shape == std::string::npos ||
      comma == std::string::npos) {
    fail("not a matrix of float32");
  }
  const std::int64_t time = number_behind(header, shape + 10), classes = number_behind(header, comma + 1);
  const std::int64_t held = static_cast<std::int64_t>((bytes.size() - begin) / sizeof(float));
  if (time < 0 || classes <= 0 || time > held / classes) fail("not a matrix of float32, or cut short");
  pyseq::Tensor values = pyseq::Tensor::empty(pyseq::DType::float32, {time, classes});
  std::memcpy(values.mutable_data<float>(), bytes.data() + begin, values.num_bytes());
  return values;
}

pyseq::CtcVocabulary read_vocabulary(const std::string& file) {
  pyseq::CtcVocabulary vocabulary;
  for (const std::string& line : read_lines(file)) {
    if (line == "<space>") vocabulary.separator = static_cast<std::int64_t>(vocabulary.texts.size());
    vocabulary.texts.push_back(line == "<space>" ? " " : line);
  }
  return vocabulary;
}

struct Arguments {
  std::vector<std::string> files;
  std::map<std::string, std::string> options;
  bool words = false;

  std::string option(const std::string& name) const {
    const auto found = options.find(name);
    return found == options.end() ? "" : found->second;
  }

  double number(const std::string& name, double otherwise) const {
    const std::string text = option(name);
    if (text.empty()) return otherwise;
    std::size_t used = 0;
    try {
      const double value = std::stod(text, &used);
      if (used == text.size()) return value;
    } catch (const std::logic_error&) {  // what std::stod throws
    }
    throw pyseq::ValueError(name + " is \"" + text + "\", expected a number");
  }
};

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string name = argv[i];
    if (name == "--words") {
      arguments.words = true;
    } else if (name.rfind("--", 0) != 0) {
      arguments.files.push_back(name);
    } else if (++i < argc) {
      arguments.options[name] = argv[i];
    } else {
      throw pyseq::ValueError(name + " needs a value");
    }
  }
  if (arguments.files.size() != 2) throw pyseq::ValueError("expected TOKENS.txt and FRAMES.npy");
  return arguments;
}

pyseq::CtcDecoder make_decoder(const Arguments& arguments) {
  pyseq::CtcVocabulary vocabulary = read_vocabulary(arguments.files[0]);
  pyseq::CtcOptions options;
  options.beam_size = static_cast<std::int64_t>(arguments.number("--beam-size", 16));
  options.alpha = arguments.number("--alpha", options.alpha);
  options.beta = arguments.number("--beta", options.beta);
  pyseq::CtcKnowledge knowledge;
  const std::string model = arguments.option("--language-model"), lexicon = arguments.option("--lexicon");
  if (!model.empty()) knowledge.language_model = pyseq::NgramModel::load(model);
  if (!lexicon.empty()) {
    for (const std::string& word : read_lines(lexicon)) {
      const auto spelling = vocabulary.spell(word);
      if (!spelling) throw pyseq::ValueError("the tokens cannot spell '" + word + "'");
      knowledge.lexicon.push_back({word, *spelling});
    }
  }
  return pyseq::CtcDecoder(std::move(vocabulary), options, std::move(knowledge));
}

}  // namespace

int main(int argc, char** argv) {
  try {
    const Arguments arguments = parse(argc, argv);
    const auto hypotheses = make_decoder(arguments).decode(read_npy(arguments.files[1]));
    for (const pyseq::CtcHypothesis& best : hypotheses) {
      std::printf("%s\t%.17g\n", best.text.c_str(), best.score);
      if (!arguments.words) continue;
      for (const pyseq::CtcWord& word : best.words) {
        std::printf("%s\t%lld\t%lld\t%.6f\n", word.text.c_str(), static_cast<long long>(word.start),
                    static_cast<long long>(word.end), word.confidence);
      }
    }
  } catch (const std::exception& error) {
    std::fprintf(stderr, "ctc_decode: %s\n", error.what());
    return 1;
  }
}
