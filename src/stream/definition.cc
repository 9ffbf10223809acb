#include "stream/definition.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <optional>

#include "base/bytes.h"
#include "base/file.h"

namespace millrace::stream {
namespace {

constexpr std::string_view checksum_member = ",\"crc32c\":\"";  // of all before it
constexpr uint64_t shards_max_earlier = 1'000'000;
constexpr uint64_t definition_bytes_max = uint64_t{8} << 20;  // of ShardSet::shards_max shards, and more

void put_shard(std::string& out, const Shard& shard) {
  const auto to = std::back_inserter(out);
  fmt::format_to(to, "{{\"id\":{},\"first\":\"{}\",\"last\":\"{}\",\"created_ms\":{}", shard.id,
                 to_decimal(shard.first), to_decimal(shard.last), shard.created);
  if (shard.parent) fmt::format_to(to, ",\"parent\":{}", *shard.parent);
  if (shard.adjacent_parent) fmt::format_to(to, ",\"adjacent_parent\":{}", *shard.adjacent_parent);
  if (shard.closed) fmt::format_to(to, ",\"closed_ms\":{}", *shard.closed);
  out += '}';
}

std::optional<Shard> parse_shard(simdjson::dom::element element) {
  simdjson::dom::object object;
  std::string_view first, last;
  uint64_t id = 0;
  int64_t created_ms = 0;
  if (element.get(object) || object["id"].get(id) || id > UINT32_MAX || object["first"].get(first) ||
      object["last"].get(last) || object["created_ms"].get(created_ms)) {
    return std::nullopt;
  }
  const auto first_key = parse_hash_key(first);
  const auto last_key = parse_hash_key(last);
  if (!first_key || !last_key) return std::nullopt;
  Shard shard{.id = ShardId(static_cast<uint32_t>(id)),
              .first = *first_key,
              .last = *last_key,
              .created = ProcessingTime(created_ms)};
  const auto parent = [&](std::string_view member, std::optional<ShardId>& to) {
    uint64_t value = 0;
    if (!object[member].get(value)) to = ShardId(static_cast<uint32_t>(std::min<uint64_t>(value, UINT32_MAX)));
  };
  parent("parent", shard.parent);
  parent("adjacent_parent", shard.adjacent_parent);
  int64_t closed_ms = 0;
  if (!object["closed_ms"].get(closed_ms)) shard.closed = ProcessingTime(closed_ms);
  return shard;
}

std::string definition_text(const Definition& definition) {
  // A stream's name has nothing that JSON would escape.
  std::string out = fmt::format(
      "{{\"version\":{},\"name\":\"{}\",\"id\":\"{:016x}\",\"mode\":\"{}\",\"created_ms\":{},\"retention_ms\":{},"
      "\"records_let_go\":{},\"resized_ms\":[",
      Definition::version_now, definition.name, definition.id, name(definition.mode), definition.created,
      definition.retention_ms, definition.records_let_go);
  for (const ProcessingTime time : definition.resized) {
    if (out.back() != '[') out += ',';
    out += std::to_string(time.value);
  }
  out += fmt::format("],\"next_shard\":{},\"shards\":[", definition.shards.next_id());
  for (const Shard& shard : definition.shards.all()) {
    if (out.back() != '[') out += ',';
    put_shard(out, shard);
  }
  out += ']';
  return fmt::format("{}{}{:08x}\"}}\n", out, checksum_member, base::crc32c(out));
}

// Nothing: a definition without a checksum, as earlier versions wrote them.
std::optional<bool> checksum_holds(std::string_view text) {
  const size_t at = text.rfind(checksum_member);
  if (at == std::string_view::npos) return std::nullopt;
  return text.substr(at) == fmt::format("{}{:08x}\"}}\n", checksum_member, base::crc32c(text.substr(0, at)));
}

std::optional<uint64_t> parse_id(std::string_view text) {
  uint64_t id = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), id, 16);
  if (text.size() != 16 || error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return id;
}

Result<Definition> parse_definition(std::string_view text) {
  const auto damaged = [](std::string_view what) { return fail(ErrorKind::corrupt, "{}", what); };
  const std::optional<bool> holds = checksum_holds(text);
  if (holds == false) return damaged("its checksum does not hold");
  simdjson::dom::parser parser;
  simdjson::dom::object root;
  std::string_view name, id, mode;
  uint64_t version = 1;
  int64_t created_ms = 0;
  Definition definition;
  if (parser.parse(simdjson::padded_string(text)).get(root)) return damaged("it is not a JSON object");
  // A flipped bit in the name of the checksum makes no definition of an earlier version.
  static constexpr std::array<std::string_view, 6> members = {"name", "id",         "shards",
                                                              "mode", "created_ms", "retention_ms"};
  for (const auto& [key, value] : root) {
    if (!holds && std::ranges::find(members, key) == members.end()) {
      return damaged("it has no checksum and a member that earlier versions did not write");
    }
  }
  if (root["name"].get(name) || !is_stream_name(name)) return damaged("`name` is not a stream's name");
  if (root["id"].get(id) || !parse_id(id)) return damaged("`id` is not 16 hexadecimal digits");
  if (!root["version"].get(version) && version != Definition::version_now) {
    return damaged("`version` is not one that is known; a newer Millrace wrote it, or it is damaged");
  }
  if (root["created_ms"].get(created_ms) || created_ms < 0) return damaged("`created_ms` is not a time");
  definition.created = ProcessingTime(created_ms);
  if (root["retention_ms"].get(definition.retention_ms) || definition.retention_ms < Definition::retention_ms_min ||
      definition.retention_ms > Definition::retention_ms_max) {
    return damaged("`retention_ms` is not between 24 hours and 365 days");
  }
  if (!root["mode"].get(mode)) {
    if (mode == stream::name(StreamMode::on_demand)) {
      definition.mode = StreamMode::on_demand;
    } else if (mode != stream::name(StreamMode::provisioned)) {
      return damaged("`mode` is neither PROVISIONED nor ON_DEMAND");
    }
  }
  definition.name = name;
  definition.id = *parse_id(id);
  definition.version = version;
  if (version == 1) {
    uint64_t count = 0;
    if (root["shards"].get(count) || count == 0 || count > shards_max_earlier) {
      return damaged("`shards` is out of range");
    }
    definition.shards = ShardSet::equal(static_cast<uint32_t>(count), definition.created);
    return definition;
  }
  simdjson::dom::array shards, resized;
  uint64_t next = 0;
  if (root["next_shard"].get(next) || next > UINT32_MAX) return damaged("`next_shard` is not a shard's number");
  if (root["records_let_go"].get(definition.records_let_go)) return damaged("`records_let_go` is not a number");
  if (root["resized_ms"].get(resized)) return damaged("`resized_ms` is not a list");
  for (const auto each : resized) {
    int64_t time = 0;
    if (each.get(time)) return damaged("`resized_ms` is not a list of times");
    definition.resized.emplace_back(time);
  }
  if (root["shards"].get(shards)) return damaged("`shards` is not a list");
  std::vector<Shard> all;
  for (const auto each : shards) {
    auto shard = parse_shard(each);
    if (!shard) return damaged("a shard in `shards` is not one");
    all.push_back(*shard);
  }
  auto set = ShardSet::make(std::move(all), ShardId(static_cast<uint32_t>(next)));
  if (!set) return damaged(set.error().message);
  definition.shards = std::move(*set);
  return definition;
}

}  // namespace

std::string_view name(StreamMode mode) {
  return mode == StreamMode::on_demand ? "ON_DEMAND" : "PROVISIONED";
}

// A leading dot is allowed in the name of a stream, and means something else in the name of a directory.
std::string directory_name(std::string_view stream) {
  if (stream.starts_with('.')) return "%2E" + std::string(stream.substr(1));
  return std::string(stream);
}

std::string stream_name(std::string_view directory) {
  if (directory.starts_with("%2E")) return "." + std::string(directory.substr(3));
  return std::string(directory);
}

bool is_stream_name(std::string_view name) {
  if (name.empty() || name.size() > 128) return false;
  return std::all_of(name.begin(), name.end(), [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

Result<void> write_definition(const std::string& directory, const Definition& definition) {
  const std::string path = fmt::format("{}/{}", directory, definition_name);
  const std::string partial = path + ".new";
  TRY_ASSIGN(base::File file, base::File::open(partial, O_CREAT | O_TRUNC | O_WRONLY));
  TRY(file.write_at(definition_text(definition), 0));
  TRY(file.sync_data());
  TRY(base::rename_file(partial, path));
  return base::sync_directory(directory);
}

// What the folder `entry` of the streams' directory says that it is.
Result<Definition> read_definition(const std::string& directory, std::string_view entry) {
  const std::string path = fmt::format("{}/{}", directory, definition_name);
  TRY_ASSIGN(const base::File file, base::File::open(path, O_RDONLY));
  TRY_ASSIGN(const uint64_t size, file.size());
  std::string text(std::min<uint64_t>(size, definition_bytes_max), '\0');
  TRY_ASSIGN(const size_t read, file.read_at(text.data(), text.size(), 0));
  text.resize(read);
  auto definition = parse_definition(text);
  if (definition && directory_name(definition->name) != entry) {
    definition = fail(ErrorKind::corrupt, "it is the definition of the stream {}", definition->name);
  }
  if (definition) return definition;
  return fail(definition.error().kind, "{} is damaged: {}", path, definition.error().message);
}

}  // namespace millrace::stream
