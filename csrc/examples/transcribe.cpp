// Transcribes a stream while it comes in, with a CTC model that reads chunk after chunk:
//
//     transcribe MODEL.safetensors TOKENS.txt < frames.f32
//
// The function `step` of the model takes one input [batch, time, values] (frames of features, or hops of samples),
// carries its state on, and gives `logits` [batch, time, classes]. Standard input holds float32 values, `values` of
// them per frame. TOKENS.txt has the text of a class per line, the blank's first; a line "<space>" is a space. A letter
// is written as soon as its frame is read.
#include <pyseq/program.h>

#include <algorithm>
#include <cstdio>
#include <exception>
#include <fstream>
#include <span>
#include <string>
#include <vector>

namespace {

constexpr std::int64_t kFramesAtOnce = 8;

std::vector<std::string> read_tokens(const std::string& file) {
  std::ifstream stream(file);
  if (!stream) throw pyseq::ValueError("cannot open " + file);
  std::vector<std::string> tokens;
  for (std::string line; std::getline(stream, line);) tokens.push_back(line == "<space>" ? " " : line);
  return tokens;
}

/// The best class of every frame; a letter counts where it is another class than that of the frame before.
class GreedyDecoder {
 public:
  explicit GreedyDecoder(std::vector<std::string> tokens) : tokens_(std::move(tokens)) {}

  std::string read(const pyseq::Tensor& logits) {
    const auto classes = static_cast<std::size_t>(logits.size(2));
    if (classes != tokens_.size()) {
      throw pyseq::ValueError("the model has " + std::to_string(classes) + " classes, but there are " +
                              std::to_string(tokens_.size()) + " tokens");
    }
    std::string text;
    const std::span<const float> values = logits.values<float>();
    for (std::size_t begin = 0; begin < values.size(); begin += classes) {
      const auto frame = values.subspan(begin, classes);
      const auto best = static_cast<std::size_t>(std::max_element(frame.begin(), frame.end()) - frame.begin());
      if (best != before_ && best != kBlank) text += tokens_[best];
      before_ = best;
    }
    return text;
  }

 private:
  static constexpr std::size_t kBlank = 0;
  std::vector<std::string> tokens_;
  std::size_t before_ = kBlank;  // class of the last frame of the chunk before
};

void transcribe(const std::string& file, const std::string& tokens) {
  const auto program = pyseq::Program::load(file);
  const pyseq::ArgumentInfo input = program->function("step").inputs.at(0);
  const std::int64_t values = std::stoll(input.dims.at(2));
  pyseq::Session session(program);
  pyseq::State state = session.new_state(1);
  GreedyDecoder decoder(read_tokens(tokens));
  std::vector<float> chunk(static_cast<std::size_t>(kFramesAtOnce * values));
  while (const std::size_t read = std::fread(chunk.data(), sizeof(float), chunk.size(), stdin)) {
    const std::int64_t frames =
        static_cast<std::int64_t>(read) / values;  // what is less than a frame at the end is left out
    const auto x = pyseq::Tensor::constant_view(pyseq::DType::float32, {1, frames, values}, chunk.data());
    std::fputs(decoder.read(session.run("step", {{input.name, x}}, &state).outputs.at("logits")).c_str(), stdout);
    std::fflush(stdout);
  }
  std::puts("");
}

}  // namespace

int main(int argc, char** argv) {
  try {
    if (argc != 3) throw pyseq::ValueError("expected MODEL.safetensors TOKENS.txt");
    transcribe(argv[1], argv[2]);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "transcribe: %s\n", error.what());
    return 1;
  }
}
