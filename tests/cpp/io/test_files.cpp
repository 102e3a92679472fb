#include <doctest/doctest.h>
#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <csignal>
#include <fstream>
#include <iterator>

#include <filesystem>
#include <string>

#include "io/files.h"
#include "pyseq/error.h"

using namespace pyseq;
namespace fs = std::filesystem;

namespace {

class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = (fs::temp_directory_path() / "pyseq-test-XXXXXX").string();
    path_ = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() { fs::remove_all(path_); }
  fs::path operator/(const char* name) const { return path_ / name; }
  auto count() const { return std::distance(fs::directory_iterator(path_), fs::directory_iterator()); }

 private:
  fs::path path_;
};

std::span<const std::byte> bytes_of(const std::string& text) {
  return std::as_bytes(std::span(text));
}

std::string text_of(const FileBytes& file) {
  return {reinterpret_cast<const char*>(file.bytes.data()), file.bytes.size()};
}

void write(const fs::path& file, const std::string& text) {
  std::ofstream(file, std::ios::binary) << text;
}

template <typename Function>
std::string error_of(Function function) {
  try {
    function();
  } catch (const Error& error) {
    return error.what();
  }
  return "no error";
}

/// Files may not grow beyond `bytes` while this lives: what a full disk looks like to write().
class FileSizeLimit {
 public:
  explicit FileSizeLimit(rlim_t bytes) : handler_(std::signal(SIGXFSZ, SIG_IGN)) {
    ::getrlimit(RLIMIT_FSIZE, &before_);
    const rlimit limit{bytes, before_.rlim_max};
    ::setrlimit(RLIMIT_FSIZE, &limit);
  }
  ~FileSizeLimit() {
    ::setrlimit(RLIMIT_FSIZE, &before_);
    std::signal(SIGXFSZ, handler_);
  }

 private:
  rlimit before_{};
  void (*handler_)(int);
};

}  // namespace

TEST_CASE("a file is mapped or copied, byte for byte") {
  const TemporaryFolder folder;
  const std::string text(10000, 'x');
  write(folder / "file", text);
  for (const bool mmap : {true, false}) {
    CAPTURE(mmap);
    const FileBytes file = open_file(folder / "file", mmap);
    CHECK(text_of(file) == text);
  }
}

TEST_CASE("a copied file does not change with the file") {
  const TemporaryFolder folder;
  write(folder / "file", "before");
  const FileBytes file = open_file(folder / "file", false);
  write(folder / "file", "after");
  CHECK(text_of(file) == "before");
}

TEST_CASE("what cannot be read says why") {
  const TemporaryFolder folder;
  write(folder / "empty", "");
  REQUIRE(::mkfifo((folder / "pipe").c_str(), 0600) == 0);
  for (const bool mmap : {true, false}) {
    CAPTURE(mmap);
    const std::string missing = error_of([&] { open_file(folder / "missing", mmap); });
    CHECK(missing.find("No such file") != std::string::npos);
    CHECK(missing.find((folder / "missing").string()) != std::string::npos);
    CHECK_THROWS_AS(open_file(folder / "empty", mmap), FormatError);
    CHECK(error_of([&] { open_file(folder / "", mmap); }).find("not a regular file") != std::string::npos);
    CHECK(error_of([&] { open_file(folder / "pipe", mmap); }).find("not a regular file") != std::string::npos);
    CHECK(error_of([&] { open_file("/dev/zero", mmap); }).find("not a regular file") != std::string::npos);
  }
}

TEST_CASE("writing replaces the file and leaves nothing beside it") {
  const TemporaryFolder folder;
  write(folder / "file", "old and longer");
  write_file_atomically(folder / "file", bytes_of("new"));
  CHECK(text_of(open_file(folder / "file", false)) == "new");
  write_file_atomically(folder / "empty", {});
  CHECK(fs::file_size(folder / "empty") == 0);
  CHECK(folder.count() == 2);
}

TEST_CASE("a reader of the old file keeps the old bytes") {
  const TemporaryFolder folder;
  write(folder / "file", "old");
  const FileBytes old = open_file(folder / "file", true);
  write_file_atomically(folder / "file", bytes_of("new"));
  CHECK(text_of(old) == "old");
}

TEST_CASE("a failed write says why, keeps the old file and removes its own") {
  const TemporaryFolder folder;
  write(folder / "file", "old");
  std::string message;
  {
    const FileSizeLimit limit(1000);
    message = error_of([&] { write_file_atomically(folder / "file", bytes_of(std::string(5000, 'x'))); });
  }
  CHECK(message.find("File too large") != std::string::npos);
  CHECK(text_of(open_file(folder / "file", false)) == "old");
  CHECK(folder.count() == 1);
}

TEST_CASE("a target that cannot be replaced is an error and leaves nothing") {
  const TemporaryFolder folder;
  fs::create_directory(folder / "directory");
  CHECK(error_of([&] { write_file_atomically(folder / "directory", bytes_of("x")); }).find("directory") !=
        std::string::npos);
  CHECK(folder.count() == 1);
  CHECK(error_of([&] { write_file_atomically(folder / "none/file", bytes_of("x")); }).find("No such file") !=
        std::string::npos);
}
