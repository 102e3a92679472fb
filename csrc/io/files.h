// Whole files: opened for reading without surprises, written so that a crash never leaves half of one.
#pragma once

#include <cstddef>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>

namespace pyseq {

struct FileBytes {
  std::span<const std::byte> bytes;
  std::shared_ptr<const void> owner;  // keeps the bytes alive
};

/// Opens a regular file for reading, mapped or copied into memory. Error: cannot be opened or read, or is not a regular
/// file; FormatError: empty. A mapped file must not be cut short by others while in use; copying is safe from that.
FileBytes open_file(const std::filesystem::path& file, bool mmap);
/// The bytes in a file without a name, mapped; it goes with the owner. Nothing where no such file can be written.
std::optional<FileBytes> keep_in_file(std::span<const std::byte> bytes);
/// Gives the memory of a part of a mapped file back; whoever reads it again gets it from the file.
void drop_pages(std::span<const std::byte> bytes);

/// Writes beside the target, syncs, then renames: a crash leaves the old file or the new one. Error (disk full and
/// such): the target is as before and nothing is left beside it.
void write_file_atomically(const std::filesystem::path& file, std::span<const std::byte> bytes);

}  // namespace pyseq
