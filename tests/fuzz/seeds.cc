// Writes the inputs of the corpora that are bytes and not text, by the product's own writers: `fuzz_seeds
// tests/fuzz/corpus`. To be run again when a format changes.

#include <filesystem>
#include <fstream>

#include "http2_seeds.h"
#include "input.h"
#include "job.h"
#include "log/format.h"
#include "log/log.h"
#include "log/segment.h"
#include "store/change.h"
#include "table/definition.h"
#include "table/item.h"
#include "table/keys.h"

namespace millrace {
namespace {

std::string corpus;

void write(const std::string& target, const std::string& name, const std::string& bytes) {
  std::filesystem::create_directories(corpus + "/" + target);
  std::ofstream(corpus + "/" + target + "/" + name, std::ios::binary) << bytes;
}

table::Item product() {
  using namespace table;
  return {
      {"id", "p1"},
      {"version", 7},
      {"price", *Number::parse("12.50")},
      {"far", *Number::parse("-9.9e125")},
      {"photo", Binary{std::string("\1\0\3", 3)}},
      {"on_sale", true},
      {"off", false},
      {"nothing", AttributeValue()},
      {"tags", StringSet{"hot", "new"}},
      {"sizes", NumberSet{Number(1), Number(2)}},
      {"codes", BinarySet{{"a"}, {"b"}}},
      {"notes", List{1, "two", List{3}}},
      {"maker", Map{{"city", "Uji"}, {"plots", List{Map{{"area", 3}}}}}},
  };
}

void write_items() {
  std::string stored;
  table::put_item(stored, product());
  write("item", "stored_all_types", stored);
  stored.clear();
  table::put_item(stored, {{"id", "p1"}});
  write("item", "stored_small", stored);
  stored.clear();
  table::put_item(stored, {});
  write("item", "stored_empty", stored);
}

void write_records() {
  table::TableDefinition definition;
  definition.name = "Products";
  definition.hash_key = {"id", table::KeyType::string};
  definition.range_key = table::KeyAttribute{"version", table::KeyType::number};
  definition.change_feed = table::ViewType::new_and_old_images;
  definition.keyspace = store::Keyspace(3);
  definition.created = ProcessingTime(1569888000123);
  definition.feed_label = "2019-10-01T00:00:00.123";
  std::string bytes = "d";
  table::put_definition(bytes, definition);
  write("stored_record", "definition", bytes);

  std::string item;
  table::put_item(item, product());
  bytes = "c";
  store::put_change(bytes, {.existed = true, .new_value = item, .old_value = "old"});
  write("stored_record", "change", bytes);
  bytes = "c";
  store::put_range_erasure(bytes, {"to"});
  write("stored_record", "range_erasure", bytes);

  std::string key;
  CHECK(table::put_key_of_item(key, definition, product()).has_value());
  for (const auto& [name, change] : {std::pair<std::string, store::ChangeView>{"insert", {.new_value = item}},
                                     {"modify", {.existed = true, .new_value = item, .old_value = item}},
                                     {"remove", {.existed = true, .old_value = item}}}) {
    bytes = "f";
    base::put_bytes(bytes, key);
    store::put_change(bytes, change);
    write("stored_record", "feed_" + name, bytes);
  }
}

void write_job_states() {
  fuzz::JobEnvironment environment;
  const auto job = fuzz::make_job(environment);
  write("job_state", "new", fuzz::state_of(*job));
  for (engine::Scan* scan : job->scans()) {
    for (size_t shard = 0; shard < scan->shards(); ++shard) {
      CHECK(scan->read(shard, size_t{1} << 20).has_value());
      while (scan->pump(shard, ProcessingTime(1569888100000)).value() > 0) continue;
    }
  }
  CHECK(job->finish_epoch().has_value());
  write("job_state", "six_rows", fuzz::state_of(*job));
}

std::string file_of(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

// As the target has it: header, seal, frames.
std::string part_of(const std::string& file, size_t end) {
  std::string part = file.substr(0, sizeof(log::SegmentHeader));
  part += file.substr(log::seal_offset, sizeof(log::Seal));
  return part + file.substr(log::header_page_bytes, end - log::header_page_bytes);
}

void write_segments() {
  const std::string directory = std::filesystem::temp_directory_path() / "fuzz_seeds_log";
  std::filesystem::remove_all(directory);
  log::LogOptions options;
  options.directory = directory;
  const auto append = [&](int groups) {
    auto opened = log::open_log(options);
    CHECK(opened, "{}", opened.error().message);
    for (int n = 0; n < groups; ++n) {
      for (const uint32_t shard : {0u, 2u}) (*opened)->add_shard(ShardId(shard));
      const log::AppendRecord records[] = {{ShardId(0), "k", "one"}, {ShardId(2), "", "two"}, {ShardId(0), "kk", "3"}};
      (*opened)->wait_durable(*(*opened)->append(records));
    }
  };
  append(3);
  const std::string first = file_of(log::segment_path(directory, 1));
  // Up to the zeros behind the last group.
  const std::string open = part_of(first, log::aligned(first.find_last_not_of('\0') + 1));
  write("log_segments", "one", std::string(1, '\0') + open);
  write("log_segments", "one_opened", std::string(1, '\3') + open);
  append(2);
  const std::string sealed = file_of(log::segment_path(directory, 1));
  const std::string closed = part_of(sealed, sealed.size());
  write("log_segments", "sealed", std::string(1, '\1') + closed);
  for (uint64_t id = 2; id < 9; ++id) {
    const std::string next = file_of(log::segment_path(directory, id));
    if (next.empty() || next.find("OPEN") == std::string::npos) continue;
    const std::string part = part_of(next, log::aligned(next.find_last_not_of('\0') + 1));
    // The second is the file of id 2 there.
    write("log_segments", "two", std::string(1, '\3') + closed + "=====" + part);
    break;
  }
  std::filesystem::remove_all(directory);
}

}  // namespace
}  // namespace millrace

int main(int count, char** arguments) {
  using namespace millrace;
  if (count != 2) {
    fmt::print(stderr, "usage: fuzz_seeds tests/fuzz/corpus\n");
    return 2;
  }
  corpus = arguments[1];
  write_items();
  write_records();
  write_segments();
  write_job_states();
  for (const auto& [name, bytes] : fuzz::http2_seeds()) write("http2_frames", name, bytes);
  return 0;
}
