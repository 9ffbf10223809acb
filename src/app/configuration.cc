#include "app/configuration.h"

#include <toml++/toml.h>

#include <algorithm>
#include <fstream>
#include <functional>
#include <map>
#include <sstream>

#include "base/suggest.h"

namespace millrace::app {
namespace {

constexpr size_t allowed_hosts_max = 100;

// One table of the file: what its keys are and where their values go. A reader takes the value or says what it wants.
using Reader = std::function<Result<void>(const toml::node&)>;
using Keys = std::map<std::string, Reader, std::less<>>;

class File {
 public:
  explicit File(std::string_view name) : name_(name) {}

  std::unexpected<Error> error(const toml::node& node, std::string_view what) const {
    return fail(ErrorKind::invalid_argument, "{}:{}: {}", name_, node.source().begin.line, what);
  }

  Result<void> read(const toml::table& table, const Keys& keys, std::string_view in) const {
    for (const auto& [key, node] : table) {
      const auto reader = keys.find(key.str());
      if (reader == keys.end()) {
        std::vector<std::string> known;
        for (const auto& [name, unused] : keys) known.push_back(name);
        return fail(ErrorKind::invalid_argument, "{}:{}: unknown key `{}`{}; {}", name_, key.source().begin.line,
                    key.str(), in, base::suggestion(key.str(), known));
      }
      if (auto result = reader->second(node); !result) {
        // An error inside [[...]] has its own, nearer place.
        if (result.error().message.starts_with(name_ + ":")) return result;
        return error(node, fmt::format("`{}` {}", key.str(), result.error().message));
      }
    }
    return {};
  }

  // The tables of [[name]], each read by `read_one`.
  Reader each_table(const std::function<Result<void>(const toml::table&)>& read_one) const {
    return [read_one](const toml::node& node) -> Result<void> {
      const toml::array* array = node.as_array();
      if (!array || !array->is_homogeneous(toml::node_type::table)) {
        return fail(ErrorKind::invalid_argument, "is written with double brackets: [[...]]");
      }
      for (const toml::node& one : *array) TRY(read_one(*one.as_table()));
      return {};
    };
  }

 private:
  std::string name_;
};

Reader text(std::string& target) {
  return [&target](const toml::node& node) -> Result<void> {
    const auto value = node.value_exact<std::string>();
    if (!value) return fail(ErrorKind::invalid_argument, "must be a text in quotes");
    target = *value;
    return {};
  };
}

Reader flag(bool& target) {
  return [&target](const toml::node& node) -> Result<void> {
    const auto value = node.value_exact<bool>();
    if (!value) return fail(ErrorKind::invalid_argument, "must be true or false");
    target = *value;
    return {};
  };
}

template <class Integer>
Reader whole(Integer& target, int64_t least, int64_t most) {
  return [&target, least, most](const toml::node& node) -> Result<void> {
    const auto value = node.value_exact<int64_t>();
    if (!value || *value < least || *value > most) {
      return fail(ErrorKind::invalid_argument, "must be a whole number from {} to {}", least, most);
    }
    target = static_cast<Integer>(*value);
    return {};
  };
}

Reader address(std::string& host, uint16_t& port) {
  return [&host, &port](const toml::node& node) -> Result<void> {
    const auto value = node.value_exact<std::string>();
    if (!value) return fail(ErrorKind::invalid_argument, "must be a text such as \"127.0.0.1:4566\"");
    return parse_address(*value, host, port);
  };
}

Reader region(std::string& target) {
  return [&target](const toml::node& node) -> Result<void> {
    TRY(text(target)(node));
    return check_region(target);
  };
}

Reader texts(std::vector<std::string>& target) {
  return [&target](const toml::node& node) -> Result<void> {
    const toml::array* array = node.as_array();
    if (!array) return fail(ErrorKind::invalid_argument, "must be a list of texts");
    target.clear();
    for (const toml::node& one : *array) {
      const auto value = one.value_exact<std::string>();
      if (!value) return fail(ErrorKind::invalid_argument, "must be a list of texts");
      target.push_back(*value);
    }
    return {};
  };
}

Reader text_table(std::map<std::string, std::string>& target) {
  return [&target](const toml::node& node) -> Result<void> {
    const toml::table* table = node.as_table();
    if (!table) return fail(ErrorKind::invalid_argument, "must be a table of texts");
    for (const auto& [key, one] : *table) {
      const auto value = one.value<std::string>();
      if (!value) return fail(ErrorKind::invalid_argument, "must be a table of texts; `{}` is none", key.str());
      target[std::string(key.str())] = *value;
    }
    return {};
  };
}

Result<void> read_credential(const File& file, const toml::table& table, Configuration& into) {
  Credential credential;
  TRY(file.read(table, {{"access_key", text(credential.access_key)}, {"secret_key", text(credential.secret_key)}},
                " in [[credential]]"));
  if (credential.access_key.empty() || credential.secret_key.empty()) {
    return file.error(table, "[[credential]] needs `access_key` and `secret_key`");
  }
  into.credentials.push_back(credential);
  return {};
}

Result<void> read_function(const File& file, const toml::table& table, Configuration& into) {
  function::FunctionDefinition definition;
  TRY(file.read(table,
                {{"name", text(definition.name)},
                 {"command", texts(definition.command)},
                 {"environment", text_table(definition.environment)},
                 {"timeout_ms", whole(definition.timeout_ms, 1, 900'000)},
                 {"log_invocations", flag(definition.log_invocations)}},
                " in [[function]]"));
  if (definition.name.empty() || definition.command.empty()) {
    return file.error(table,
                      "[[function]] needs `name` and `command`, such as command = [\"python3\", \"handler.py\"]");
  }
  into.functions.push_back(std::move(definition));
  return {};
}

Result<void> read_mapping(const File& file, const toml::table& table, Configuration& into) {
  function::MappingDefinition definition;
  std::string start;
  TRY(file.read(table,
                {{"name", text(definition.name)},
                 {"function", text(definition.function)},
                 {"stream", text(definition.stream)},
                 {"table", text(definition.table)},
                 {"start", text(start)},
                 {"batch_records_max", whole(definition.batch_records_max, 1, 10'000)},
                 {"batch_bytes_max", whole(definition.batch_bytes_max, 1024, 6 << 20)},
                 {"batch_window_ms", whole(definition.batch_window_ms, 0, 300'000)},
                 {"retries_max", whole(definition.retries_max, -1, 10'000)},
                 {"on_failure_table", text(definition.on_failure_table)},
                 {"deaggregate", flag(definition.deaggregate)},
                 {"enabled", flag(definition.enabled)}},
                " in [[mapping]]"));
  if (start == "latest") {
    definition.start = function::MappingDefinition::Start::latest;
  } else if (!start.empty() && start != "trim_horizon") {
    return file.error(table, fmt::format("`start` is \"{}\"; it may be \"trim_horizon\" or \"latest\"", start));
  }
  if (definition.deaggregate && definition.stream.empty()) {
    return file.error(table, "`deaggregate` is for the records of a `stream`");
  }
  if (definition.name.empty() || definition.function.empty() || definition.stream.empty() == definition.table.empty()) {
    return file.error(table, "[[mapping]] needs `name`, `function` and either `stream` or `table`");
  }
  into.mappings.push_back(std::move(definition));
  return {};
}

}  // namespace

Result<void> check_region(std::string_view region) {
  const auto good = [](char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-'; };
  if (!region.empty() && std::ranges::all_of(region, good)) return {};
  return fail(ErrorKind::invalid_argument, "\"{}\" is no region; one has small letters, digits and hyphens: us-east-1",
              region);
}

Result<void> parse_address(std::string_view text, std::string& host, uint16_t& port) {
  const size_t colon = text.rfind(':');
  uint32_t number = 0;
  bool good = colon != std::string_view::npos && colon > 0 && colon + 1 < text.size() && text.size() - colon <= 6;
  if (good) {
    for (const char c : text.substr(colon + 1)) {
      if (c < '0' || c > '9') good = false;
      number = number * 10 + static_cast<uint32_t>(c - '0');
    }
  }
  if (!good || number > 65535) {
    return fail(ErrorKind::invalid_argument, "\"{}\" is no address; write HOST:PORT, such as 127.0.0.1:4566", text);
  }
  const std::string_view name = text.substr(0, colon);
  const bool in_brackets = name.starts_with('[') && name.ends_with(']') && name.size() > 2;
  if (!in_brackets && name.find(':') != std::string_view::npos) {
    return fail(ErrorKind::invalid_argument,
                "\"{}\" is no address; an IPv6 address is written in brackets, such as [{}]:{}", text, name, number);
  }
  host = name;
  port = static_cast<uint16_t>(number);
  return {};
}

Result<Configuration> parse_configuration(std::string_view toml_text, std::string_view file_name,
                                          Configuration configuration) {
  toml::table root;
  try {
    root = toml::parse(toml_text, file_name);
  } catch (const toml::parse_error& error) {
    return fail(ErrorKind::invalid_argument, "{}:{}: {}", file_name, error.source().begin.line, error.description());
  }
  const File file(file_name);
  // A file that names credentials means those, not the default as well.
  if (root.contains("credential")) configuration.credentials.clear();
  std::string dashboard, authentication = configuration.authenticate ? "sigv4" : "none",
                         durability = configuration.durable ? "disk" : "memory";
  TRY(file.read(
      root,
      {{"data", text(configuration.data_directory)},
       {"listen", address(configuration.host, configuration.port)},
       {"dashboard", text(dashboard)},
       {"auth", text(authentication)},
       {"durability", text(durability)},
       {"tls_certificate", text(configuration.tls_certificate)},
       {"tls_key", text(configuration.tls_key)},
       {"allowed_hosts", texts(configuration.allowed_hosts)},
       {"region", region(configuration.region)},
       {"segment_bytes", whole(configuration.segment_bytes, 1 << 20, int64_t{1} << 30)},
       {"credential", file.each_table([&](const auto& table) { return read_credential(file, table, configuration); })},
       {"function", file.each_table([&](const auto& table) { return read_function(file, table, configuration); })},
       {"mapping", file.each_table([&](const auto& table) { return read_mapping(file, table, configuration); })}},
      ""));
  if (dashboard == "off") {
    configuration.dashboard = false;
  } else if (!dashboard.empty()) {
    if (auto read = parse_address(dashboard, configuration.dashboard_host, configuration.dashboard_port); !read) {
      return file.error(*root.get("dashboard"), "`dashboard` " + read.error().message + ", or \"off\"");
    }
  }
  if (authentication != "sigv4" && authentication != "none") {
    return file.error(*root.get("auth"),
                      fmt::format("`auth` is \"{}\"; it may be \"sigv4\" or \"none\"", authentication));
  }
  if (configuration.tls_certificate.empty() != configuration.tls_key.empty()) {
    const char* const given = configuration.tls_key.empty() ? "tls_certificate" : "tls_key";
    return file.error(*root.get(given), "`tls_certificate` and `tls_key` go together: two files in PEM");
  }
  if (configuration.allowed_hosts.size() > allowed_hosts_max) {
    return file.error(*root.get("allowed_hosts"), fmt::format("`allowed_hosts` has more than {}", allowed_hosts_max));
  }
  if (durability != "disk" && durability != "memory") {
    return file.error(*root.get("durability"),
                      fmt::format("`durability` is \"{}\"; it may be \"disk\" or \"memory\"", durability));
  }
  configuration.authenticate = authentication == "sigv4";
  configuration.durable = durability == "disk";
  return configuration;
}

Result<Configuration> load_configuration(const std::string& path, Configuration defaults) {
  std::ifstream in(path);
  if (!in) return fail(ErrorKind::not_found, "{}: cannot be read; --config takes the path of a TOML file", path);
  std::ostringstream content;
  content << in.rdbuf();
  return parse_configuration(content.str(), path, std::move(defaults));
}

}  // namespace millrace::app
