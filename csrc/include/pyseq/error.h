// Every failure that a caller or a file can cause is one of these exceptions; nothing ends the process.
// The sentence names the op, the argument, what came and what was expected.
#pragma once

#include <stdexcept>
#include <string>

namespace pyseq {

class Error : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

/// A tensor has the wrong rank or sizes.
class ShapeError : public Error {
 public:
  using Error::Error;
};

/// A tensor has the wrong element type.
class DTypeError : public Error {
 public:
  using Error::Error;
};

/// A token, position or row number lies outside its table.
class IndexError : public Error {
 public:
  using Error::Error;
};

/// An argument has an impossible value (a negative beam size, an unknown attribute, a missing input).
class ValueError : public Error {
 public:
  using Error::Error;
};

/// A file is damaged, hostile or of another format.
class FormatError : public Error {
 public:
  using Error::Error;
};

/// A well-formed request that this build or machine cannot serve.
class UnsupportedError : public Error {
 public:
  using Error::Error;
};

/// The caller's CancelToken was set.
class CancelledError : public Error {
 public:
  using Error::Error;
};

/// The caller's deadline passed.
class DeadlineError : public Error {
 public:
  using Error::Error;
};

}  // namespace pyseq
