#include <string>

#include "expect_format_error.h"
#include "io/json_reader.h"

using namespace pyseq;
using pyseq::testing::expect_format_error;

namespace {

std::string nested(std::size_t depth, const char* open, const char* close) {
  std::string text;
  for (std::size_t i = 0; i < depth; ++i) text += open;
  text += "1";
  for (std::size_t i = 0; i < depth; ++i) text += close;
  return text;
}

}  // namespace

TEST_CASE("strict JSON") {
  CHECK(parse_json(R"({"a": [1, 2.5, "x"], "b": {"a": null}})", "test")["a"][1] == 2.5);
  CHECK(parse_json(nested(kMaxJsonDepth, "[", "]"), "test").is_array());

  const std::pair<std::string, const char*> attacks[] = {
      {"", "malformed JSON"},
      {"{", "malformed JSON"},
      {"{} x", "malformed JSON"},
      {"[1,]", "malformed JSON"},
      {"{'a': 1}", "malformed JSON"},
      {"// comment\n1", "malformed JSON"},
      {"NaN", "malformed JSON"},
      {"1e999", "malformed JSON"},
      {"[\"\\ud800\"]", "malformed JSON"},
      {std::string("{}\0{}", 5), "NUL byte"},
      {"\xEF\xBB\xBF{}", "byte order mark"},
      {"[\"\xFF\"]", "not UTF-8 (byte 2)"},
      {"[\"\xED\xA0\x80\"]", "not UTF-8"},
      {R"({"a": 1, "b": 2, "a": 3})", "'a' stands twice"},
      {R"([{"x": {"k": 1, "k": 1}}])", "'k' stands twice"},
      {nested(kMaxJsonDepth + 1, "[", "]"), "nested deeper than 64"},
      {nested(100, "{\"a\":", "}"), "nested deeper than 64"},
      {nested(100'000, "[", "]"), "nested deeper than 64"},
      {nested(100'000, "{\"a\":[", "]}"), "nested deeper than 64"},
      {std::string(1'000'000, '['), "nested deeper than 64"},
  };
  for (const auto& [text, telling] : attacks) {
    INFO(std::string(telling));
    expect_format_error(telling, [&] { parse_json(text, "test"); });
  }
}

TEST_CASE("messages stay short, and in whole code points, however long the text is") {
  std::string name;
  for (int i = 0; i < 100'000; ++i) name += "\u20AC";
  const std::string message =
      pyseq::testing::format_error_of([&] { parse_json("{\"" + name + "\":1,\"" + name + "\":2}", "test"); });
  CHECK(message.size() < 200);
  CHECK(message.find("\u20AC...'") != std::string::npos);
  CHECK(pyseq::testing::format_error_of([&] { parse_json("\"" + name, "test"); }).size() < 400);
}

TEST_CASE("time and memory grow with the text, not with its square") {
  for (const char* item : {"[],", "{},", "[{}],", "{\"a\":{}},", "0,"}) {
    std::string text = "[";
    while (text.size() < 3'000'000) text += item;
    CHECK(parse_json(text + "0]", "test").size() > 100'000);  // quadratic time would be minutes
  }
  std::string text = "{";
  for (int i = 0; i < 200'000; ++i) text += "\"" + std::to_string(i) + "\":{},";
  CHECK(parse_json(text + "\"last\":0}", "test").size() == 200'001);
}

TEST_CASE("fields of an object") {
  const Json json = parse_json(
      R"({"text": "x", "empty": "", "number": 3, "big": 18446744073709551615, "real": 1.5, "flag": true, "list": [],
          "object": {}, "null": null})",
      "test");
  const ObjectReader fields(json, "here");
  CHECK(fields.text("text") == "x");
  CHECK(fields.integer("number", 0, 3) == 3);
  CHECK(fields.flag_or("flag", false));
  CHECK(fields.flag_or("absent", true));
  CHECK(fields.list("list").empty());
  CHECK(fields.list_or_empty("absent").empty());
  CHECK(fields.find("absent") == nullptr);

  expect_format_error("here: 'absent' is missing", [&] { fields.text("absent"); });
  expect_format_error("'number' is of type number, expected a text", [&] { fields.text("number"); });
  expect_format_error("'empty' is empty", [&] { fields.name("empty"); });
  expect_format_error("'number' is 3, expected an integer from 4 to 5", [&] { fields.integer("number", 4, 5); });
  expect_format_error("'big' is 18446744073709551615", [&] { fields.integer("big", 0, INT64_MAX); });
  expect_format_error("'real' is of type number", [&] { fields.integer("real", 0, 5); });
  expect_format_error("'text' is of type string, expected true or false", [&] { fields.flag_or("text", true); });
  expect_format_error("'object' is of type object, expected a list", [&] { fields.list("object"); });
  expect_format_error("'null' is of type null, expected an object", [&] { fields.object_or_empty("null"); });
  expect_format_error("unknown key 'big'", [&] { fields.allow_only({"text"}); });
  expect_format_error("of type list, expected an object", [&] { ObjectReader(Json::array(), "here"); });
}

TEST_CASE("sizes are bounded") {
  const auto sizes = [](const char* text) { return read_sizes(parse_json(text, "test"), "here", "shape"); };
  CHECK(sizes("[2, 0, 3]") == std::vector<std::int64_t>{2, 0, 3});
  CHECK(sizes("[]").empty());
  expect_format_error("expected a list of sizes", [&] { sizes("3"); });
  expect_format_error("rank 9", [&] { sizes("[1,1,1,1,1,1,1,1,1]"); });
  expect_format_error("shape has a size that is -1", [&] { sizes("[-1]"); });
  expect_format_error("shape overflows", [&] { sizes("[4294967296, 4294967296]"); });
  expect_format_error("shape overflows", [&] { sizes("[0, 4294967296, 4294967296]"); });
}
