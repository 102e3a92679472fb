#include "decode/session_pool.h"

#include <doctest/doctest.h>

#include <optional>

#include "pyseq/translator.h"
#include "tiny_translator.h"

namespace pyseq::testing {
namespace {

TEST_CASE("session pool: a session that was given back comes again, with what it holds") {
  SessionPool pool(tiny_translator_program());
  const Session* first = nullptr;
  {
    SessionPool::Lease lease(pool);
    first = &*lease;
    State state = (*lease).new_state(1);
    const NamedTensors inputs = {{"tokens", Tensor::from<std::int64_t>({1, 1}, {2})},
                                 {"lengths", Tensor::from<std::int64_t>({1}, {1})}};
    (*lease).run("encode", inputs, &state);
  }
  SessionPool::Lease again(pool);
  CHECK(&*again == first);
}

TEST_CASE("session pool: calls at the same time have sessions of their own") {
  SessionPool pool(tiny_translator_program());
  SessionPool::Lease one(pool), two(pool);
  CHECK(&*one != &*two);
  CHECK((*one).shared_program() == (*two).shared_program());
}

TEST_CASE("session pool: it keeps the sessions of several callers") {
  SessionPool pool(tiny_translator_program());
  std::vector<const Session*> known;
  {
    std::vector<std::unique_ptr<SessionPool::Lease>> leases;
    for (int i = 0; i < 20; ++i) known.push_back(&**leases.emplace_back(std::make_unique<SessionPool::Lease>(pool)));
  }
  std::vector<std::unique_ptr<SessionPool::Lease>> leases;
  for (int i = 0; i < 8; ++i) {
    const Session* session = &**leases.emplace_back(std::make_unique<SessionPool::Lease>(pool));
    CHECK(std::find(known.begin(), known.end(), session) != known.end());
  }
}

TEST_CASE("session pool: a translator that was interrupted translates as before") {
  const Translator translator(tiny_translator_program());
  const std::string expected = translator.translate("pqrs").text;
  CancelToken cancel;
  cancel.cancel();
  DecodingOptions options;
  options.limits.cancel = &cancel;
  for (int i = 0; i < 3; ++i) CHECK_THROWS_AS(translator.translate("pq", options), CancelledError);
  int polls = 0;
  DecodingOptions stopped;
  stopped.limits.poll = [&] {
    if (++polls == 20) throw Error("stopped");
  };
  CHECK_THROWS_WITH_AS(translator.translate("pqrs", stopped), "stopped", Error);
  CHECK(translator.translate("pqrs").text == expected);
}

}  // namespace
}  // namespace pyseq::testing
