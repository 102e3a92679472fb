// make_seeds FOLDER: writes the first inputs of each fuzz target to FOLDER/<target>.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <span>
#include <string>

#include "../cpp/io/sample_program.h"
#include "io/files.h"
#include "io/json_reader.h"
#include "ngram_target.h"

using namespace pyseq;
namespace fs = std::filesystem;

namespace {

void write_seed(const fs::path& folder, const std::string& name, std::span<const std::byte> bytes) {
  fs::create_directories(folder);
  write_file_atomically(folder / name, bytes);
}

std::span<const std::byte> header_of(std::span<const std::byte> file) {
  std::uint64_t length = 0;
  std::memcpy(&length, file.data(), 8);
  return file.subspan(8, length);
}

/// The sample, and each of its functions alone: small inputs are changed faster.
std::vector<std::string> programs() {
  const Json sample = Json::parse(testing::kSampleProgram);
  std::vector<std::string> texts{sample.dump(), R"({"format":1,"functions":[]})"};
  for (const Json& function : sample["functions"]) {
    Json single = sample;
    single["functions"] = Json::array({function});
    single.erase("vocabularies");
    texts.push_back(single.dump());
  }
  return texts;
}

void write_ngram_seeds(const fs::path& folder) {
  const std::string arpa = fuzz::kSampleArpa;
  const std::vector<std::byte> binary = NgramModel::read(std::as_bytes(std::span(arpa)), nullptr, "sample")->to_bytes();
  write_seed(folder / "fuzz_ngram", "sample.arpa", std::as_bytes(std::span(arpa)));
  write_seed(folder / "fuzz_ngram", "sample.bin", binary);
  const std::size_t header = 8 + header_of(binary).size();
  write_seed(folder / "fuzz_ngram_arrays", "arrays", std::span(binary).subspan(header));
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fputs("usage: make_seeds FOLDER\n", stderr);
    return 2;
  }
  const fs::path folder = argv[1];
  int number = 0;
  for (const std::string& program : programs()) {
    const std::string name = "program-" + std::to_string(number++);
    const std::vector<std::byte> file = testing::program_file(program);
    write_seed(folder / "fuzz_program", name, file);
    write_seed(folder / "fuzz_program_json", name, std::as_bytes(std::span(program)));
    write_seed(folder / "fuzz_safetensors_header", name, header_of(file));
  }
  write_ngram_seeds(folder);
  return 0;
}
