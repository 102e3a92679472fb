#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "fixture.h"

namespace pyseq {
namespace {

/// Whether a new process whose environment says PYSEQ_ISA=isa passes the test case `name` of this executable.
bool passes_under(const std::string& isa, const std::string& name) {
  const std::string self = std::filesystem::read_symlink("/proc/self/exe").string();
  const std::string command = "PYSEQ_ISA='" + isa + "' '" + self + "' --no-skip --test-case='" + name + "' > /dev/null";
  return std::system(command.c_str()) == 0;
}

TEST_CASE("child: the first use takes the tier of PYSEQ_ISA" * doctest::skip()) {
  CHECK(active_isa() == std::getenv("PYSEQ_ISA"));
}
TEST_CASE("child: every use of an absent tier is an error until another is set" * doctest::skip()) {
  CHECK_THROWS_AS(kernels(), UnsupportedError);
  CHECK_THROWS_AS(active_isa(), UnsupportedError);
  set_isa(available_isas().front());
  CHECK(active_isa() == available_isas().front());
}

TEST_CASE("PYSEQ_ISA chooses the tier, and an absent one is an error") {
  for (const std::string& isa : available_isas()) CHECK(passes_under(isa, "child: the first use*"));
  CHECK(passes_under("v9", "child: every use of an absent tier*"));
  CHECK_FALSE(passes_under("v9", "child: the first use*"));
}

TEST_CASE("every available tier is compiled in, and set_isa switches to it") {
  const std::vector<std::string> compiled = compiled_isas();
  for (const std::string& isa : available_isas()) {
    CHECK(std::count(compiled.begin(), compiled.end(), isa) == 1);
    set_isa(isa);
    CHECK(active_isa() == isa);
    CHECK(std::string(kernels().isa) == isa);
  }
}

TEST_CASE("an absent tier is named, beside those present") {
  try {
    set_isa("v9");
    FAIL("no exception");
  } catch (const UnsupportedError& error) {
    const std::string sentence = error.what();
    CHECK(sentence.find("'v9'") != std::string::npos);
    CHECK(sentence.find(available_isas().front()) != std::string::npos);
  }
}

TEST_CASE("the table may be asked for by many threads at once") {
  const KernelTable* seen[8] = {};
  std::vector<std::thread> threads;
  for (const KernelTable*& table : seen) threads.emplace_back([&table] { table = &kernels(); });
  for (std::thread& thread : threads) thread.join();
  CHECK(std::all_of(std::begin(seen), std::end(seen), [](const KernelTable* table) { return table == &kernels(); }));
}

}  // namespace
}  // namespace pyseq
