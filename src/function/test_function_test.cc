#include <gtest/gtest.h>
#include <signal.h>
#include <simdjson.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <functional>
#include <map>

#include "base/json_string.h"
#include "function/test_function.h"
#include "http/client.h"
#include "table/item_json.h"

namespace millrace::function {
namespace {

using Headers = std::vector<std::pair<std::string, std::string>>;

struct Record {
  std::string key;
  std::string sequence;
  std::string data;  // base64, as it came
};

struct Event {
  std::string id;
  std::string body;
  std::vector<Record> records;
};

// The API of the runtime, as a function written by hand uses it.
class Runtime {
 public:
  Runtime() : client_(host(), port(), 0) {}

  Event next() {
    auto answer = client_.request("GET", "/2018-06-01/runtime/invocation/next", {}, "");
    if (!answer || answer->status != 200) std::exit(3);
    Event event;
    event.id = answer->header("lambda-runtime-aws-request-id");
    for (const char* const header :
         {"lambda-runtime-deadline-ms", "lambda-runtime-invoked-function-arn", "lambda-runtime-trace-id"}) {
      if (answer->header(header).empty()) say(std::string("no header ") + header);
    }
    event.body = answer->body;
    read_records(event);
    return event;
  }

  int respond(const Event& event, const std::string& body) {
    return post("invocation/" + event.id + "/response", body);
  }
  int fail(const Event& event, const std::string& message) {
    return post("invocation/" + event.id + "/error",
                R"({"errorType":"Test.Error","errorMessage":")" + message + R"(","stackTrace":[]})");
  }
  int post(const std::string& path, const std::string& body) {
    const auto answer = client_.request("POST", "/2018-06-01/runtime/" + path, {}, body);
    return answer ? answer->status : 0;
  }
  static void say(const std::string& line) {
    std::fputs((line + "\n").c_str(), stdout);
    std::fflush(stdout);
  }

 private:
  static std::string address() {
    const char* const value = std::getenv("AWS_LAMBDA_RUNTIME_API");
    return value == nullptr ? "" : value;
  }
  static std::string host() { return address().substr(0, address().find(':')); }
  static uint16_t port() { return static_cast<uint16_t>(std::atoi(address().substr(address().find(':') + 1).c_str())); }

  static void read_records(Event& event) {
    simdjson::dom::parser parser;
    simdjson::dom::array records;
    if (parser.parse(event.body).at_key("Records").get(records)) return;
    for (const simdjson::dom::element element : records) {
      Record record;
      std::string_view text;
      if (!element.at_pointer("/kinesis/sequenceNumber").get(text)) {
        record.sequence = text;
        record.key = std::string_view(element.at_pointer("/kinesis/partitionKey").get_string());
        record.data = std::string_view(element.at_pointer("/kinesis/data").get_string());
      } else if (!element.at_pointer("/dynamodb/SequenceNumber").get(text)) {
        record.sequence = text;
        record.key = std::string_view(element.at_pointer("/dynamodb/Keys/id/S").get_string());
      }
      event.records.push_back(std::move(record));
    }
  }

  http::Client client_;
};

std::string quoted(const std::string& text) {
  std::string out;
  base::append_json_string(out, text);
  return out;
}

// Counts how often each record was effective, and refuses to see the records of a key out of order.
std::string count_records(const Event& event) {
  std::string effects;
  for (const Record& record : event.records) {
    effects += effects.empty() ? "" : ",";
    effects += R"({"Update":{"TableName":"Seen","Key":{"id":{"S":)" + quoted(record.sequence) +
               R"(}},"UpdateExpression":"ADD times :one","ExpressionAttributeValues":{":one":{"N":"1"}}}},)";
    effects += R"({"Update":{"TableName":"Latest","Key":{"id":{"S":)" + quoted(record.key) +
               R"(}},"UpdateExpression":"SET sequence_number = :now",)"
               R"("ConditionExpression":"attribute_not_exists(sequence_number) OR sequence_number < :now",)"
               R"("ExpressionAttributeValues":{":now":{"N":)" +
               quoted(record.sequence) + "}}}}";
  }
  return R"({"effects":[)" + effects + "]}";
}

// Adds one to the item of each key that an item of the table Large has.
std::string touch_large(const std::vector<Record>& records) {
  std::string effects;
  for (const Record& record : records) {
    effects += effects.empty() ? "" : ",";
    effects += R"({"Update":{"TableName":"Large","Key":{"id":{"S":)" + quoted(record.key) +
               R"(}},"UpdateExpression":"ADD times :one","ExpressionAttributeValues":{":one":{"N":"1"}}}})";
  }
  return R"({"effects":[)" + effects + "]}";
}

// True the first time that this is asked, over all processes.
bool first_time(const std::string& marker) {
  if (std::filesystem::exists(marker)) return false;
  std::fclose(std::fopen(marker.c_str(), "w"));
  return true;
}

using Kind = std::function<void(Runtime&, const Event&, const std::string& argument)>;
const std::map<std::string, Kind>& kinds() {
  static const std::map<std::string, Kind> all = {
      {"count",
       [](Runtime& runtime, const Event& event, const std::string&) { runtime.respond(event, count_records(event)); }},
      {"fail", [](Runtime& runtime, const Event& event, const std::string&) { runtime.fail(event, "no \\\"way\\\""); }},
      {"fail-once",
       [](Runtime& runtime, const Event& event, const std::string& marker) {
         if (first_time(marker)) {
           runtime.fail(event, "not yet");
         } else {
           runtime.respond(event, count_records(event));
         }
       }},
      {"misspelt-once",
       [](Runtime& runtime, const Event& event, const std::string& marker) {
         std::string answer = count_records(event);
         if (first_time(marker)) answer.replace(answer.find("effects"), 1, "E");
         runtime.respond(event, answer);
       }},
      // Says where the runtime API is and what the invocation is called; answers when the file is there.
      {"answer-when-told",
       [](Runtime& runtime, const Event& event, const std::string& marker) {
         Runtime::say("id " + event.id);
         while (!std::filesystem::exists(marker)) ::usleep(1'000);
         runtime.respond(event, "\"its own\"");
       }},
      {"die-once",
       [](Runtime& runtime, const Event& event, const std::string& marker) {
         if (first_time(marker)) ::raise(SIGKILL);
         runtime.respond(event, count_records(event));
       }},
      {"sleep-once",
       [](Runtime& runtime, const Event& event, const std::string& marker) {
         if (first_time(marker)) ::sleep(1'000);
         runtime.respond(event, count_records(event));
       }},
      {"unknown-table",
       [](Runtime& runtime, const Event& event, const std::string&) {
         runtime.respond(event, R"({"effects":[{"Put":{"TableName":"Nowhere","Item":{"id":{"S":"x"}}}}]})");
       }},
      {"failed-condition",
       [](Runtime& runtime, const Event& event, const std::string&) {
         runtime.respond(event, R"({"effects":[{"Put":{"TableName":"Seen","Item":{"id":{"S":"written?"}}}},)"
                                R"({"Put":{"TableName":"Seen","Item":{"id":{"S":"x"}},)"
                                R"j("ConditionExpression":"attribute_exists(id)"}}]})j");
       }},
      // The name is so long that what is said about it would not fit into an item.
      {"long-error",
       [](Runtime& runtime, const Event& event, const std::string&) {
         runtime.respond(event, R"({"effects":[{"Put":{"TableName":")" + std::string(450'000, 'x') +
                                    R"(","Item":{"id":{"S":"x"}}}}]})");
       }},
      {"touch-large", [](Runtime& runtime, const Event& event,
                         const std::string&) { runtime.respond(event, touch_large(event.records)); }},
      // Every record touches as many items as the argument says.
      {"touch-many",
       [](Runtime& runtime, const Event& event, const std::string& count) {
         std::vector<Record> records;
         for (int i = 0; i < std::stoi(count); ++i) records.push_back({"p" + std::to_string(i), "", ""});
         runtime.respond(event, touch_large(records));
       }},
      {"answer-and-hang-once",
       [](Runtime& runtime, const Event& event, const std::string& marker) {
         runtime.respond(event, "{}");
         if (first_time(marker)) ::sleep(1'000);
       }},
      // What it remembers must be forgotten when its effects are refused: it writes its own process id.
      {"refuse-once",
       [](Runtime& runtime, const Event& event, const std::string& marker) {
         static int batches = 0;
         ++batches;
         const std::string table = first_time(marker) ? "Nowhere" : "Seen";
         runtime.respond(event, R"({"effects":[{"Put":{"TableName":")" + table +
                                    R"(","Item":{"id":{"S":"memory"},"batches":{"N":")" + std::to_string(batches) +
                                    R"("}}}}]})");
       }},
      // Cannot handle data that is "bad" in base64.
      {"pick",
       [](Runtime& runtime, const Event& event, const std::string&) {
         Event good = event;
         for (size_t i = 0; i < event.records.size(); ++i) {
           if (event.records[i].data != "YmFk") continue;
           good.records.resize(i);
           std::string answer = count_records(good);
           answer.pop_back();
           runtime.respond(
               event, answer + R"(,"batchItemFailures":[{"itemIdentifier":")" + event.records[i].sequence + R"("}]})");
           return;
         }
         runtime.respond(event, count_records(event));
       }},
      {"answer-twice",
       [](Runtime& runtime, const Event& event, const std::string&) {
         Runtime::say("unknown " + std::to_string(runtime.post("invocation/no-such-id/response", "{}")));
         Runtime::say("first " + std::to_string(runtime.respond(event, "null")));
         Runtime::say("second " + std::to_string(runtime.respond(event, "null")));
       }},
      {"answer-too-much",
       [](Runtime& runtime, const Event& event, const std::string&) {
         Runtime::say("large " + std::to_string(runtime.respond(event, std::string(7'000'000, ' '))));
       }},
      {"keep-silent", [](Runtime&, const Event&, const std::string&) {}},
      {"shout",
       [](Runtime& runtime, const Event& event, const std::string&) {
         for (int i = 0; i < 1'000; ++i) Runtime::say(std::string(10'000, 'a'));
         runtime.respond(event, "\"done\"");
       }},
      {"show-environment",
       [](Runtime& runtime, const Event& event, const std::string&) {
         for (const char* const name :
              {"AWS_LAMBDA_FUNCTION_NAME", "AWS_REGION", "AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID",
               "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_EXECUTION_ENV", "LAMBDA_TASK_ROOT",
               "LAMBDA_RUNTIME_DIR", "_HANDLER", "OWN", "SECRET"}) {
           const char* const value = std::getenv(name);
           Runtime::say(std::string(name) + "=" + (value == nullptr ? "none" : value));
         }
         runtime.respond(event, "{}");
       }},
  };
  return all;
}

}  // namespace

std::vector<std::string> test_function(const std::string& kind, const std::vector<std::string>& arguments) {
  std::vector<std::string> command = {"millrace", "--function", kind};
  command.insert(command.end(), arguments.begin(), arguments.end());
  return command;
}

bool run_as_test_function(int argc, char** argv) {
  if (argc < 3 || std::string(argv[1]) != "--function") return false;
  const std::string name = argv[2];
  const std::string argument = argc > 3 ? argv[3] : "";
  Runtime runtime;
  if (name == "answer-when-told") Runtime::say(std::getenv("AWS_LAMBDA_RUNTIME_API"));
  if (name == "cannot-start") {
    runtime.post("init/error", R"({"errorType":"Test.NoModule","errorMessage":"cannot import"})");
    std::exit(1);
  }
  const auto kind = kinds().find(name);
  if (kind == kinds().end()) std::exit(2);
  for (;;) kind->second(runtime, runtime.next(), argument);
}

}  // namespace millrace::function

int main(int argc, char** argv) {
  if (millrace::function::run_as_test_function(argc, argv)) return 0;
  testing::InitGoogleTest(&argc, argv);
  return RUN_ALL_TESTS();
}
