#include <algorithm>
#include <thread>

#include "fixture.h"

namespace pyseq {
namespace {

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
