#include "io/files.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <system_error>
#include <utility>

#include "base/arena.h"
#include "pyseq/error.h"

namespace pyseq {
namespace {

/// Reads errno: to be called right after the failure.
[[noreturn]] void throw_errno(const std::string& action, const std::filesystem::path& file) {
  const std::string reason = std::generic_category().message(errno);
  throw Error("cannot " + action + " '" + file.string() + "': " + reason);
}

class FileDescriptor {
 public:
  FileDescriptor(const std::filesystem::path& file, int flags, mode_t mode = 0)
      : number_(::open(file.c_str(), flags | O_CLOEXEC, mode)) {}
  ~FileDescriptor() {
    if (is_open()) ::close(number_);
  }
  /// Takes one over.
  explicit FileDescriptor(int number) : number_(number) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;

  bool is_open() const { return number_ >= 0; }
  int number() const { return number_; }
  /// False when the system reports now that an earlier write failed (network file systems do).
  bool close() { return ::close(std::exchange(number_, -1)) == 0; }

 private:
  int number_;
};

std::size_t regular_file_size(const FileDescriptor& descriptor, const std::filesystem::path& file) {
  struct stat status{};
  if (::fstat(descriptor.number(), &status) != 0) throw_errno("examine", file);
  if (!S_ISREG(status.st_mode)) throw Error("cannot read '" + file.string() + "': not a regular file");
  if (status.st_size == 0) throw FormatError("'" + file.string() + "' is empty");
  return static_cast<std::size_t>(status.st_size);
}

std::shared_ptr<const void> map_file(const FileDescriptor& descriptor, std::size_t size,
                                     const std::filesystem::path& file) {
  void* address = ::mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor.number(), 0);
  if (address == MAP_FAILED) throw_errno("map", file);
  return {address, [size](const void* mapped) { ::munmap(const_cast<void*>(mapped), size); }};
}

std::shared_ptr<const void> copy_file(const FileDescriptor& descriptor, std::size_t size,
                                      const std::filesystem::path& file) {
  std::shared_ptr<void> memory = MemoryPool::allocate(size);
  auto* bytes = static_cast<std::byte*>(memory.get());
  for (std::size_t done = 0; done < size;) {
    const ssize_t count = ::read(descriptor.number(), bytes + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) throw_errno("read", file);
    if (count == 0) throw Error("cannot read '" + file.string() + "': it became shorter meanwhile");
    done += static_cast<std::size_t>(count);
  }
  return memory;
}

/// A name that nobody else uses at the moment: the process id keeps processes apart, the counter threads.
std::filesystem::path temporary_name(const std::filesystem::path& file) {
  static std::atomic<unsigned> counter{0};
  std::filesystem::path name = "." + file.filename().string() + "." + std::to_string(::getpid()) + "." +
                               std::to_string(counter.fetch_add(1)) + ".tmp";
  return file.parent_path() / name;
}

/// False: errno says why.
bool write_all(const FileDescriptor& descriptor, std::span<const std::byte> bytes) {
  while (!bytes.empty()) {
    const ssize_t count = ::write(descriptor.number(), bytes.data(), bytes.size());
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return false;
    bytes = bytes.subspan(static_cast<std::size_t>(count));
  }
  return true;
}

void write_and_sync(const std::filesystem::path& file, std::span<const std::byte> bytes) {
  FileDescriptor descriptor(file, O_WRONLY | O_CREAT | O_TRUNC, 0666);
  if (!descriptor.is_open()) throw_errno("create", file);
  if (!write_all(descriptor, bytes)) throw_errno("write", file);
  if (::fsync(descriptor.number()) != 0) throw_errno("sync", file);
  if (!descriptor.close()) throw_errno("close", file);
}

/// Makes the rename itself last through a power cut. File systems that cannot sync a folder do not need it.
void sync_folder(const std::filesystem::path& folder) {
  const FileDescriptor descriptor(folder.empty() ? "." : folder, O_RDONLY | O_DIRECTORY);
  if (descriptor.is_open()) ::fsync(descriptor.number());
}

}  // namespace

FileBytes open_file(const std::filesystem::path& file, bool mmap) {
  // O_NONBLOCK: opening a named pipe must not wait for its writer. It has no effect on regular files.
  const FileDescriptor descriptor(file, O_RDONLY | O_NONBLOCK);
  if (!descriptor.is_open()) throw_errno("open", file);
  const std::size_t size = regular_file_size(descriptor, file);
  auto owner = mmap ? map_file(descriptor, size, file) : copy_file(descriptor, size, file);
  return {{static_cast<const std::byte*>(owner.get()), size}, owner};
}

std::optional<FileBytes> keep_in_file(std::span<const std::byte> bytes) {
  std::error_code error;
  const std::filesystem::path folder = std::filesystem::temp_directory_path(error);
  if (error || bytes.empty()) return std::nullopt;
  std::string name = (folder / ".pyseq.XXXXXX").string();
  const FileDescriptor descriptor(::mkostemp(name.data(), O_CLOEXEC));
  if (!descriptor.is_open()) return std::nullopt;
  ::unlink(name.c_str());
  if (!write_all(descriptor, bytes)) return std::nullopt;
  try {
    auto owner = map_file(descriptor, bytes.size(), name);
    return FileBytes{{static_cast<const std::byte*>(owner.get()), bytes.size()}, owner};
  } catch (const Error&) {
    return std::nullopt;
  }
}

void drop_pages(std::span<const std::byte> bytes) {
  const auto page = static_cast<std::uintptr_t>(::sysconf(_SC_PAGESIZE));
  const auto first = reinterpret_cast<std::uintptr_t>(bytes.data());
  const std::uintptr_t begin = (first + page - 1) / page * page, end = (first + bytes.size()) / page * page;
  if (begin < end) ::madvise(reinterpret_cast<void*>(begin), end - begin, MADV_DONTNEED);
}

void write_file_atomically(const std::filesystem::path& file, std::span<const std::byte> bytes) {
  const std::filesystem::path temporary = temporary_name(file);
  try {
    write_and_sync(temporary, bytes);
    if (::rename(temporary.c_str(), file.c_str()) != 0) throw_errno("replace", file);
  } catch (...) {
    ::unlink(temporary.c_str());
    throw;
  }
  sync_folder(file.parent_path());
}

}  // namespace pyseq
