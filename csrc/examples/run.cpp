// Runs a model file on the lines of standard input, whatever its task, without Python: see kUsage.
#include <pyseq/captioner.h>
#include <pyseq/classifier.h>
#include <pyseq/generator.h>
#include <pyseq/tagger.h>
#include <pyseq/translator.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <exception>
#include <fstream>
#include <functional>
#include <iostream>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

namespace {

constexpr const char* kUsage = R"(run MODEL.safetensors [SEED] [--ids] [--greedy] < lines.txt

What is written for each line:
  translator  its translation                 classifier  the label, a tab, its probability
  generator   what follows it, after itself   captioner   of the binary PPM file (P6) of that name, what it shows
  encoder     the vector of the text          tagger      the spans that it finds ("label: words", tabs between), or
                                                          every word with its label; with a tokenizer that Python
                                                          runs per token: the token, a tab, the number of its class
  fill_mask   per mask: the five likeliest tokens, each with its probability
A generator writes the same text for the same SEED (0), the likeliest tokens with --greedy.
A caption wants a picture of the model's size: `convert in.png -background white -flatten -resize 32x32! out.ppm`.

Models whose vocabulary has characters, words, or pieces that pyseq itself finds read plain text. Those of other projects
(BERT, GPT-2, Marian, ...) have a tokenizer that Python runs: their lines are tokens with spaces between, marks such as
[CLS] included, as `model.tokenizer.as_tokens(model.tokenizer.encode(text))` writes them, and so are their answers. With --ids
lines are numbers of tokens instead, and translators and generators answer with numbers.
)";

using Answer = std::function<std::string(const std::string& line)>;

struct Arguments {
  std::string file;
  std::uint64_t seed = 0;
  bool with_ids = false, greedy = false;
};

std::string joined(const std::vector<std::int64_t>& ids) {
  std::string text;
  for (const std::int64_t id : ids) text += (text.empty() ? "" : " ") + std::to_string(id);
  return text;
}

/// Lines of ids as the tokens of a vocabulary.
std::string tokens_of(const pyseq::Vocabulary& vocabulary, const std::string& line) {
  std::istringstream stream(line);
  std::string text;
  std::int64_t id = 0;
  while (stream >> id) text += (text.empty() ? "" : " ") + vocabulary.token(id);
  if (!stream.eof()) throw pyseq::ValueError("--ids: \"" + line + "\", expected numbers");
  return text;
}

Answer translator(std::shared_ptr<const pyseq::Program> program, bool with_ids) {
  return [model = pyseq::Translator(std::move(program)), with_ids](const std::string& line) {
    const pyseq::Translation best = model.translate(line);
    return with_ids ? joined(best.ids) : best.text;
  };
}

Answer classifier(std::shared_ptr<const pyseq::Program> program) {
  return [model = pyseq::Classifier(std::move(program))](const std::string& line) {
    const pyseq::LabelProbability best = model.classify(line).front();
    return best.label + '\t' + std::to_string(best.probability);
  };
}

Answer generator(std::shared_ptr<const pyseq::Program> program, const Arguments& arguments) {
  return [model = pyseq::Generator(std::move(program)), arguments](const std::string& line) {
    pyseq::GenerationOptions options;
    options.sampling.seed = arguments.seed;
    if (arguments.greedy) options.sampling.temperature = 0;
    if (!arguments.with_ids) return model.generate(line, options);
    std::vector<std::int64_t> ids;
    pyseq::TextStream stream = model.stream(line, options);
    while (const auto token = stream.next()) ids.push_back(token->id);
    return joined(ids);
  };
}

/// A model that reads one text at a time, as tokens [1, time] and lengths [1].
class TextModel {
 public:
  explicit TextModel(std::shared_ptr<const pyseq::Program> program)
      : vocabulary_(program->vocabulary(program->vocabulary_names().at(0))), session_(std::move(program)) {}

  const pyseq::Vocabulary& vocabulary() const { return *vocabulary_; }

  /// An output of a function: [1, ...].
  pyseq::Tensor run(const std::string& function, const std::vector<std::int64_t>& ids, const std::string& output) {
    const auto time = static_cast<std::int64_t>(ids.size());
    const pyseq::NamedTensors inputs = {{"tokens", pyseq::Tensor::from<std::int64_t>({1, time}, ids)},
                                        {"lengths", pyseq::Tensor::from<std::int64_t>({1}, {time})}};
    return session_.run(function, inputs).outputs.at(output);
  }
  /// Logits [1, vocabulary] in the place of one vector of `encode`.
  pyseq::Tensor predict(std::span<const float> vector) {
    const auto width = static_cast<std::int64_t>(vector.size());
    return session_.run("predict", {{"vectors", pyseq::Tensor::from<float>({1, width}, vector)}}).outputs.at("logits");
  }

 private:
  std::shared_ptr<const pyseq::Vocabulary> vocabulary_;
  pyseq::Session session_;
};

Answer encoder(std::shared_ptr<const pyseq::Program> program) {
  return [model = std::make_shared<TextModel>(std::move(program))](const std::string& line) {
    const pyseq::Tensor vector = model->run("embed", model->vocabulary().encode(line), "output");
    std::ostringstream text;
    text.precision(9);
    for (const float value : vector.values<float>()) text << (text.tellp() > 0 ? " " : "") << value;
    return text.str();
  };
}

std::size_t largest(std::span<const float> values) {
  return static_cast<std::size_t>(std::max_element(values.begin(), values.end()) - values.begin());
}

Answer token_tagger(std::shared_ptr<const pyseq::Program> program) {
  return [model = std::make_shared<TextModel>(std::move(program))](const std::string& line) {
    const std::vector<std::int64_t> ids = model->vocabulary().encode(line);
    const pyseq::Tensor logits = model->run("tag", ids, "logits");
    const auto classes = static_cast<std::size_t>(logits.size(2));
    std::string text;
    for (std::size_t t = 0; t < ids.size(); ++t) {
      const std::size_t best = largest(logits.values<float>().subspan(t * classes, classes));
      text += (t > 0 ? "\n" : "") + model->vocabulary().token(ids[t]) + '\t' + std::to_string(best);
    }
    return text;
  };
}

Answer word_tagger(std::shared_ptr<const pyseq::Program> program) {
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

/// Tokenizers of other libraries are left to the caller.
Answer tagger(std::shared_ptr<const pyseq::Program> program) {
  try {
    return word_tagger(program);
  } catch (const pyseq::UnsupportedError&) {
    return token_tagger(std::move(program));
  }
}

/// The five likeliest tokens: "token probability token probability ...".
std::string likeliest(const pyseq::Vocabulary& vocabulary, std::span<const float> logits) {
  std::vector<std::size_t> order(logits.size());
  for (std::size_t id = 0; id < order.size(); ++id) order[id] = id;
  const std::size_t count = std::min<std::size_t>(5, order.size());
  std::partial_sort(order.begin(), order.begin() + static_cast<std::ptrdiff_t>(count), order.end(),
                    [&](std::size_t a, std::size_t b) { return logits[a] > logits[b]; });
  double sum = 0;
  for (const float logit : logits) sum += std::exp(double{logit} - logits[order[0]]);
  std::string text;
  for (std::size_t i = 0; i < count; ++i) {
    const double probability = std::exp(double{logits[order[i]]} - logits[order[0]]) / sum;
    text +=
        (i > 0 ? " " : "") + vocabulary.token(static_cast<std::int64_t>(order[i])) + ' ' + std::to_string(probability);
  }
  return text;
}

Answer fill_mask(std::shared_ptr<const pyseq::Program> program) {
  return [model = std::make_shared<TextModel>(std::move(program))](const std::string& line) {
    const pyseq::Vocabulary& vocabulary = model->vocabulary();
    const std::vector<std::int64_t> ids = vocabulary.encode(line);
    const pyseq::Tensor vectors = model->run("encode", ids, "output");
    const auto width = static_cast<std::size_t>(vectors.size(2));
    std::string text;
    for (std::size_t t = 0; t < ids.size(); ++t) {
      const std::string& token = vocabulary.token(ids[t]);
      if (token != "[MASK]" && token != "<mask>") continue;
      const pyseq::Tensor logits = model->predict(vectors.values<float>().subspan(t * width, width));
      text += (text.empty() ? "" : "\n") + likeliest(vocabulary, logits.values<float>());
    }
    return text;
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

Answer answer_of(std::shared_ptr<const pyseq::Program> program, const Arguments& arguments) {
  const std::string kind = pyseq::task_kind(*program);
  if (kind == "translator") return translator(std::move(program), arguments.with_ids);
  if (kind == "classifier") return classifier(std::move(program));
  if (kind == "generator") return generator(std::move(program), arguments);
  if (kind == "captioner") return captioner(std::move(program));
  if (kind == "encoder") return encoder(std::move(program));
  if (kind == "tagger") return tagger(std::move(program));
  if (kind == "fill_mask") return fill_mask(std::move(program));
  throw pyseq::UnsupportedError(arguments.file + ": a program with the task \"" + kind + "\"");
}

Answer load(const Arguments& arguments) {
  auto program = pyseq::Program::load(arguments.file);
  if (!arguments.with_ids) return answer_of(std::move(program), arguments);
  if (program->vocabulary_names().empty()) throw pyseq::ValueError("--ids: the model has no vocabulary");
  auto vocabulary = program->vocabulary(program->vocabulary_names()[0]);
  return [vocabulary, answer = answer_of(std::move(program), arguments)](const std::string& line) {
    return answer(tokens_of(*vocabulary, line));
  };
}

Arguments parse(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string text = argv[i];
    if (text == "--ids") {
      arguments.with_ids = true;
    } else if (text == "--greedy") {
      arguments.greedy = true;
    } else if (text.rfind("--", 0) == 0) {
      throw pyseq::ValueError("unknown option " + text + "; --help lists them");
    } else if (arguments.file.empty()) {
      arguments.file = text;
    } else {
      arguments.seed = std::stoull(text);
    }
  }
  if (arguments.file.empty()) throw pyseq::ValueError("the model file is missing; --help says more");
  return arguments;
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc == 2 && std::string(argv[1]) == "--help") {
      std::cout << kUsage;
      return 0;
    }
    const Answer answer = load(parse(argc, argv));
    std::string line;
    while (std::getline(std::cin, line)) std::cout << answer(line) << std::endl;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "run: %s\n", error.what());
    return 1;
  }
}
