#include "app/arguments.h"

#include <cstdio>
#include <cstdlib>

#include "app/configuration.h"

namespace millrace::app {

namespace {

std::string environment(const char* name, const char* otherwise) {
  const char* value = std::getenv(name);
  return value && *value ? value : otherwise;
}

}  // namespace

int refuse(std::string_view message) {
  fmt::print(stderr, "millrace: {}\n", message);
  return 2;
}

EndpointOption::EndpointOption() : url(environment("AWS_ENDPOINT_URL", "http://127.0.0.1:4566")) {}

void EndpointOption::add_to(CLI::App& command) {
  command.add_option("--endpoint", url, "The server; AWS_ENDPOINT_URL sets it too")->capture_default_str();
}

Result<client::Endpoint> EndpointOption::endpoint() const {
  client::Endpoint endpoint;
  endpoint.access_key = environment("AWS_ACCESS_KEY_ID", endpoint.access_key.c_str());
  endpoint.secret_key = environment("AWS_SECRET_ACCESS_KEY", endpoint.secret_key.c_str());
  endpoint.region = environment("AWS_REGION", environment("AWS_DEFAULT_REGION", endpoint.region.c_str()).c_str());
  TRY(check_region(endpoint.region));
  return client::parse_endpoint(url, endpoint);
}

}  // namespace millrace::app
