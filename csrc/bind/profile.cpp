// pyseq/profile.h: what runs take, op by op.
#include "pyseq/profile.h"

#include <optional>
#include <thread>

#include "bind/arrays.h"
#include "bind/profile.h"

namespace pyseq {
namespace {

/// A profile and the scope that a `with` block of Python is.
class PyProfile {
 public:
  explicit PyProfile(std::shared_ptr<const Program> only) : profile_(std::make_shared<Profile>(std::move(only))) {}

  Profile& profile() { return *profile_; }

  void start() {
    if (scope_) throw ValueError("profile: it is collecting already");
    scope_.emplace(profile_);
    owner_ = std::this_thread::get_id();
  }
  void stop() {
    if (!scope_) throw ValueError("profile: it is not collecting");
    if (owner_ != std::this_thread::get_id()) throw ValueError("profile: another thread has started it");
    if (!scope_->is_innermost()) throw ValueError("profile: one that was started later has not been stopped yet");
    scope_.reset();
  }

 private:
  std::shared_ptr<Profile> profile_;
  std::optional<ProfileScope> scope_;
  std::thread::id owner_;
};

DictList nodes(PyProfile& self) {
  using py::literals::operator""_a;
  DictList result;
  for (const ProfiledNode& node : self.profile().nodes()) {
    result.append(py::dict("function"_a = node.function, "op"_a = node.op, "name"_a = node.name,
                           "dtype"_a = dtype_name(node.dtype)));
  }
  return result;
}

template <typename T, typename Get>
py::array_t<T> column(const std::vector<ProfileEvent>& events, Get get) {
  py::array_t<T> values(static_cast<py::ssize_t>(events.size()));
  T* data = values.mutable_data();
  for (const ProfileEvent& event : events) *data++ = static_cast<T>(get(event));
  return values;
}

py::typing::List<py::array> events(PyProfile& self) {
  std::vector<ProfileEvent> all;
  {
    const GilRelease no_gil;  // a run that is being collected may have to end first
    all = self.profile().events();
  }
  py::typing::List<py::array> columns;
  columns.append(column<std::int64_t>(all, [](const ProfileEvent& event) { return event.node; }));
  columns.append(column<std::int64_t>(all, [](const ProfileEvent& event) { return event.depth; }));
  columns.append(column<double>(all, [](const ProfileEvent& event) { return event.start; }));
  columns.append(column<double>(all, [](const ProfileEvent& event) { return event.seconds; }));
  columns.append(column<double>(all, [](const ProfileEvent& event) { return event.overhead; }));
  columns.append(column<double>(all, [](const ProfileEvent& event) { return event.flops; }));
  columns.append(column<double>(all, [](const ProfileEvent& event) { return event.bytes; }));
  return columns;
}

}  // namespace

void bind_profile(py::module_& module) {
  py::class_<PyProfile>(module, "Profile", "What the runs of a thread take, op by op, between start() and stop().")
      .def(py::init([](const std::shared_ptr<Program>& only) { return std::make_unique<PyProfile>(only); }),
           py::arg("only") = py::none())
      .def(
          "start",
          [](py::object self) {
            self.cast<PyProfile&>().start();
            self.inc_ref();  // lives at least until stop()
          },
          "Collect this thread's runs from now on.")
      .def(
          "stop",
          [](py::object self) {
            self.cast<PyProfile&>().stop();
            self.dec_ref();
          },
          "Collect no more.")
      .def(
          "clear",
          [](PyProfile& self) {
            const GilRelease no_gil;
            self.profile().clear();
          },
          "Forget what was collected.")
      .def("nodes", nodes, "Function, op, module path and weight type of everything that ran.")
      .def("events", events, "Arrays with an entry per call: node, depth, start, seconds, overhead, flops, bytes.");
}

}  // namespace pyseq
