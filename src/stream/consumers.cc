#include "stream/consumers.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/bytes.h"
#include "base/file.h"

namespace millrace::stream {
namespace {

constexpr std::string_view file_name = "consumers.json";
constexpr std::string_view checksum_member = ",\"crc32c\":\"";  // of all before it
constexpr size_t file_bytes_max = 64 * 1024;
constexpr size_t name_size_max = 128;

std::string path_in(const std::string& directory) {
  return fmt::format("{}/{}", directory, file_name);
}

bool is_name(std::string_view name) {
  if (name.empty() || name.size() > name_size_max) return false;
  return std::ranges::all_of(name, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_' || c == '.' ||
           c == '-';
  });
}

template <class ByName>
Result<void> write(const std::string& directory, const ByName& consumers) {
  // A name has nothing that JSON would escape.
  std::string text = "{\"consumers\":[";
  for (const auto& [name, consumer] : consumers) {
    if (text.back() == '}') text += ',';
    text += fmt::format("{{\"name\":\"{}\",\"created_ms\":{}}}", name, consumer.created);
  }
  text += ']';
  text += fmt::format("{}{:08x}\"}}\n", checksum_member, base::crc32c(text));
  const std::string path = path_in(directory);
  const std::string partial = path + ".new";
  TRY_ASSIGN(base::File file, base::File::open(partial, O_CREAT | O_TRUNC | O_WRONLY));
  TRY(file.write_at(text, 0));
  TRY(file.sync_data());
  TRY(base::rename_file(partial, path));
  return base::sync_directory(directory);
}

Result<std::vector<Consumer>> parse(std::string_view text) {
  const auto damaged = [](std::string_view what) { return fail(ErrorKind::corrupt, "{}", what); };
  const size_t at = text.rfind(checksum_member);
  if (at == std::string_view::npos ||
      text.substr(at) != fmt::format("{}{:08x}\"}}\n", checksum_member, base::crc32c(text.substr(0, at)))) {
    return damaged("its checksum does not hold");
  }
  simdjson::dom::parser parser;
  simdjson::dom::object root;
  simdjson::dom::array entries;
  if (parser.parse(simdjson::padded_string(text)).get(root)) return damaged("it is not a JSON object");
  if (root["consumers"].get(entries)) return damaged("`consumers` is not a list");
  std::vector<Consumer> consumers;
  for (const auto entry : entries) {
    std::string_view name;
    int64_t created_ms = 0;
    if (entry["name"].get(name) || !is_name(name)) return damaged("a `name` is not a consumer's name");
    if (entry["created_ms"].get(created_ms) || created_ms < 0) return damaged("a `created_ms` is not a time");
    consumers.push_back({std::string(name), ProcessingTime(created_ms)});
  }
  return consumers;
}

}  // namespace

Result<void> Consumers::open(std::string directory) {
  directory_ = std::move(directory);
  const std::string path = path_in(directory_);
  if (!std::filesystem::exists(path)) return {};
  TRY_ASSIGN(const base::File file, base::File::open(path, O_RDONLY));
  TRY_ASSIGN(const uint64_t size, file.size());
  std::string text(std::min<uint64_t>(size, file_bytes_max), '\0');
  TRY_ASSIGN(const size_t read, file.read_at(text.data(), text.size(), 0));
  text.resize(read);
  const auto found = parse(text);
  if (!found) return fail(found.error().kind, "{} is damaged: {}", path, found.error().message);
  const std::lock_guard lock(mutex_);
  for (const Consumer& consumer : *found) consumers_.emplace(consumer.name, consumer);
  return {};
}

Result<Consumer> Consumers::add(std::string_view name, ProcessingTime now) {
  if (!is_name(name)) {
    return fail(ErrorKind::invalid_argument, "\"{}\" is not a consumer's name: 1 to 128 letters, digits, '_', '.', '-'",
                name);
  }
  ByName consumers = consumers_;
  if (consumers.contains(name)) return fail(ErrorKind::in_use, "the consumer {} is registered already", name);
  if (consumers.size() >= consumers_max) {
    return fail(ErrorKind::limit_exceeded,
                "the stream has {} consumers already, the most that are allowed; deregister one first", consumers_max);
  }
  Consumer consumer{std::string(name), now};
  consumers.emplace(name, consumer);
  TRY(replace(std::move(consumers)));
  return consumer;
}

Result<void> Consumers::remove(std::string_view name) {
  ByName consumers = consumers_;
  const auto found = consumers.find(name);
  if (found == consumers.end()) return fail(ErrorKind::not_found, "there is no consumer {}", name);
  consumers.erase(found);
  return replace(std::move(consumers));
}

// Seen only once it is kept.
Result<void> Consumers::replace(ByName consumers) {
  TRY(write(directory_, consumers));
  const std::lock_guard lock(mutex_);
  consumers_ = std::move(consumers);
  return {};
}

Result<void> Consumers::copy_to(const std::string& directory) const {
  ByName consumers;
  {
    const std::lock_guard lock(mutex_);
    consumers = consumers_;
  }
  return write(directory, consumers);
}

std::optional<Consumer> Consumers::find(std::string_view name) const {
  const std::lock_guard lock(mutex_);
  const auto found = consumers_.find(name);
  return found == consumers_.end() ? std::nullopt : std::optional(found->second);
}

std::vector<Consumer> Consumers::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<Consumer> all;
  for (const auto& [name, consumer] : consumers_) all.push_back(consumer);
  return all;
}

size_t Consumers::size() const {
  const std::lock_guard lock(mutex_);
  return consumers_.size();
}

}  // namespace millrace::stream
