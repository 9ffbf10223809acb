// Runs the golden files of tests/sql/run: tests/sql/run/README.md says what a line means.

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>
#include <sstream>

#include "base/json_string.h"
#include "connector/known.h"
#include "engine/lane.h"
#include "engine/test_environment.h"

namespace millrace::engine {
namespace {

std::string directory() {
  const std::string here = __FILE__;
  return here.substr(0, here.find("/src/engine/")) + "/tests/sql/run";
}

enum class Mode { straight, restarting };

void put_plain(std::string& out, const table::AttributeValue& value) {
  if (const auto* text = value.string()) {
    base::append_json_string(out, *text);
  } else if (const auto* number = value.number()) {
    out += number->to_string();
  } else if (const auto* flag = std::get_if<bool>(&value.value)) {
    out += *flag ? "true" : "false";
  } else {
    out += "null";
  }
}

// {"a":1,"b":"x"}, the attributes by name.
std::string plain_json(const table::Item& item) {
  std::string out = "{";
  for (const auto& [name, value] : item) {
    if (out.size() > 1) out += ',';
    base::append_json_string(out, name);
    out += ':';
    put_plain(out, value);
  }
  return out + "}";
}

table::Item item_from_plain(const std::string& json) {
  simdjson::ondemand::parser parser;
  const simdjson::padded_string text(json);
  auto document = parser.iterate(text);
  table::Item item;
  for (auto field : document.get_object()) {
    const std::string name(std::string_view(field.unescaped_key()));
    simdjson::ondemand::value value = field.value();
    switch (value.type().value()) {
      case simdjson::ondemand::json_type::string:
        item.emplace(name, table::AttributeValue(std::string(std::string_view(value.get_string()))));
        break;
      case simdjson::ondemand::json_type::number: {
        std::string_view token = value.raw_json_token();
        item.emplace(name, table::AttributeValue(*table::Number::parse(data::trimmed(token))));
        break;
      }
      case simdjson::ondemand::json_type::boolean:
        item.emplace(name, table::AttributeValue(bool(value.get_bool())));
        break;
      default:
        item.emplace(name, table::AttributeValue(table::Null{}));
    }
  }
  return item;
}

class FileRun {
 public:
  FileRun(std::string path, Mode mode) : path_(std::move(path)), mode_(mode) {}

  void run() {
    std::ifstream in(path_);
    ASSERT_TRUE(in.good()) << path_;
    std::string line;
    while (std::getline(in, line)) {
      ++line_;
      if (line.empty() || line[0] == '#') continue;
      std::istringstream words(line);
      std::string verb;
      words >> verb;
      SCOPED_TRACE(fmt::format("{}:{}, {}", path_, line_, mode_ == Mode::straight ? "straight" : "restarting"));
      std::string block;
      if (verb == "sql" || verb == "expect") {
        std::string inner;
        while (std::getline(in, inner) && inner != "end") block += inner + "\n", ++line_;
        ++line_;
      }
      std::string rest;
      if (verb == "stream") {
        std::string name;
        uint32_t shards = 0;
        words >> name >> shards;
        environment_.add_stream(name, shards);
      } else if (verb == "table") {
        add_table(words);
      } else if (verb == "sql") {
        script_ = block;
        start();
      } else if (verb == "send") {
        std::string stream;
        uint32_t shard = 0;
        words >> stream >> shard >> std::ws;
        std::getline(words, rest);
        environment_.send(stream, shard, rest);
        after_event();
      } else if (verb == "put" || verb == "delete") {
        std::string table;
        words >> table >> std::ws;
        std::getline(words, rest);
        write(verb == "put" ? table::WriteRequest::Kind::put : table::WriteRequest::Kind::erase, table, rest);
        after_event();
      } else if (verb == "run") {
        settle();
      } else if (verb == "advance") {
        int64_t ms = 0;
        words >> ms;
        settle();
        environment_.advance_ms(ms);
        settle();
      } else if (verb == "drain") {
        const auto drained = lane_->drain();
        ASSERT_TRUE(drained) << drained.error().message;
        settle();
        EXPECT_TRUE(lane_->drained());
      } else if (verb == "expect") {
        std::string table;
        words >> table;
        expect(table, block);
      } else if (verb == "status") {
        expect_status(words);
      } else if (verb == "fails") {
        std::getline(words >> std::ws, rest);
        expect_failure(rest);
      } else {
        FAIL() << "an unknown verb: " << verb;
      }
      if (testing::Test::HasFatalFailure()) return;
    }
  }

 private:
  void add_table(std::istringstream& words) {
    std::string name;
    words >> name;
    std::vector<table::KeyAttribute> keys;
    std::optional<table::ViewType> feed;
    for (std::string word; words >> word;) {
      if (word == "feed") {
        feed = table::ViewType::new_and_old_images;
      } else {
        keys.push_back(
            {word.substr(0, word.find(':')), word.back() == 'N' ? table::KeyType::number : table::KeyType::string});
      }
    }
    environment_.add_table(name, keys.at(0), keys.size() > 1 ? std::optional(keys[1]) : std::nullopt, feed);
  }

  void write(table::WriteRequest::Kind kind, const std::string& table, const std::string& json) {
    table::WriteRequest request;
    request.kind = kind;
    request.table = table;
    request.item = item_from_plain(json);
    const auto written = environment_.tables().write(request);
    ASSERT_TRUE(written) << written.error().message;
    environment_.tables().flush();
    environment_.tables().wait_durable(written->commit);
  }

  void start() {
    lane_.reset();
    const auto plan = sql::compile(script_, connector::known_connectors());
    ASSERT_TRUE(plan) << plan.error().message;
    auto lane = make_lane(*plan, "test", 1, environment_);
    ASSERT_TRUE(lane) << lane.error().message;
    lane_ = std::move(*lane);
  }

  void settle() {
    if (!lane_ || lane_->drained()) return;
    for (;;) {
      const auto step = lane_->step();
      ASSERT_TRUE(step) << step.error().message;
      if (!step->again) break;
    }
    const auto finished = lane_->finish();
    ASSERT_TRUE(finished) << finished.error().message;
  }

  void after_event() {
    if (!lane_ || mode_ == Mode::straight) return;
    ++events_;
    if (pumped_once()) return;
    if (events_ == 3) {
      lane_.reset();
      environment_.reopen();
    }
    start();
  }

  // Processes what is there; true: that failed, which a later line expects.
  bool pumped_once() {
    for (;;) {
      const auto step = lane_->step();
      if (!step) {
        failure_ = step.error().message;
        return true;
      }
      if (!step->again) break;
    }
    const auto finished = lane_->finish();
    EXPECT_TRUE(finished) << finished.error().message;
    return false;
  }

  void expect(const std::string& table, const std::string& block) {
    settle_unless_failed();
    std::vector<std::string> expected;
    std::istringstream lines(block);
    for (std::string line; std::getline(lines, line);) {
      if (!line.empty() && line[0] != '#') expected.push_back(plain_json(item_from_plain(line)));
    }
    std::sort(expected.begin(), expected.end());
    std::vector<std::string> actual;
    table::QueryRequest request;
    request.table = table;
    request.scan = true;
    auto page = environment_.tables().query(request);
    ASSERT_TRUE(page) << page.error().message;
    for (const table::Item& item : page->items) actual.push_back(plain_json(item));
    std::sort(actual.begin(), actual.end());
    EXPECT_EQ(actual, expected);
  }

  void settle_unless_failed() {
    if (failure_.empty()) settle();
  }

  void expect_status(std::istringstream& words) {
    settle();
    const JobTotals totals = lane_->figures().totals;
    for (std::string word; words >> word;) {
      const size_t equals = word.find('=');
      ASSERT_NE(equals, std::string::npos) << word;
      const std::string name = word.substr(0, equals);
      const uint64_t expected = std::stoull(word.substr(equals + 1));
      const uint64_t* actual = name == "rows_in"          ? &totals.rows_in
                               : name == "rows_out"       ? &totals.rows_out
                               : name == "rows_late"      ? &totals.rows_late
                               : name == "rows_ahead"     ? &totals.rows_ahead
                               : name == "rows_bad"       ? &totals.rows_bad
                               : name == "rows_duplicate" ? &totals.rows_duplicate
                               : name == "row_errors"     ? &totals.row_errors
                                                          : nullptr;
      ASSERT_NE(actual, nullptr) << name;
      EXPECT_EQ(*actual, expected) << name;
    }
  }

  void expect_failure(const std::string& text) {
    if (failure_.empty()) pumped_once();
    EXPECT_NE(failure_.find(text), std::string::npos) << "the job's error: " << failure_;
  }

  std::string path_;
  Mode mode_;
  int line_ = 0;
  int events_ = 0;
  std::string script_;
  std::string failure_;
  TestEnvironment environment_;
  std::unique_ptr<Lane> lane_;
};

class SqlFiles : public testing::TestWithParam<std::string> {};

TEST_P(SqlFiles, straight) {
  FileRun(directory() + "/" + GetParam(), Mode::straight).run();
}

TEST_P(SqlFiles, with_a_restart_after_every_event) {
  FileRun(directory() + "/" + GetParam(), Mode::restarting).run();
}

std::vector<std::string> files() {
  std::vector<std::string> names;
  for (const auto& entry : std::filesystem::directory_iterator(directory())) {
    if (entry.path().extension() == ".test") names.push_back(entry.path().filename());
  }
  std::sort(names.begin(), names.end());
  return names;
}

INSTANTIATE_TEST_SUITE_P(run, SqlFiles, testing::ValuesIn(files()),
                         [](const auto& info) { return info.param.substr(0, info.param.find('.')); });

}  // namespace
}  // namespace millrace::engine
