#include "aws/sigv4.h"

#include <algorithm>
#include <array>
#include <cstdio>
#include <ctime>
#include <vector>

namespace millrace::aws {

// The Authorization header's parts, in the request's bytes.
struct Authorization {
  std::string_view access_key_id, day, region, service;
  std::string_view scope;  // day/region/service/aws4_request
  std::string_view signed_headers;
  std::string_view signature;
};

namespace {

constexpr std::string_view algorithm = "AWS4-HMAC-SHA256";
constexpr std::string_view terminator = "aws4_request";
constexpr size_t signed_headers_max = 64;

bool is_unreserved(char c) {
  return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' ||
         c == '_' || c == '~';
}

void append_encoded(std::string& out, std::string_view text, bool keep_slash) {
  constexpr char digits[] = "0123456789ABCDEF";
  for (const char c : text) {
    if (is_unreserved(c) || (keep_slash && c == '/')) {
      out += c;
    } else {
      out += '%';
      out += digits[static_cast<unsigned char>(c) >> 4];
      out += digits[static_cast<unsigned char>(c) & 15];
    }
  }
}

// The path with "." and ".." resolved and repeated slashes joined, then encoded once more (as every service
// but S3 wants it).
void append_canonical_path(std::string& out, std::string_view path) {
  if (path.empty() || path == "/") {
    out += '/';
    return;
  }
  std::vector<std::string_view> segments;
  size_t at = 0;
  while (at <= path.size()) {
    const size_t slash = std::min(path.find('/', at), path.size());
    const std::string_view segment = path.substr(at, slash - at);
    if (segment == "..") {
      if (!segments.empty()) segments.pop_back();
    } else if (!segment.empty() && segment != ".") {
      segments.push_back(segment);
    }
    at = slash + 1;
  }
  for (const std::string_view segment : segments) {
    out += '/';
    append_encoded(out, segment, true);
  }
  if (segments.empty() || path.back() == '/') out += '/';
}

int hex_value(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::string decoded(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size() && hex_value(text[i + 1]) >= 0 && hex_value(text[i + 2]) >= 0) {
      out += static_cast<char>(hex_value(text[i + 1]) * 16 + hex_value(text[i + 2]));
      i += 2;
    } else {
      out += text[i];
    }
  }
  return out;
}

void append_canonical_query(std::string& out, std::string_view query) {
  if (query.empty()) return;
  std::vector<std::pair<std::string, std::string>> parameters;
  size_t at = 0;
  while (at <= query.size()) {
    const size_t end = std::min(query.find('&', at), query.size());
    const std::string_view parameter = query.substr(at, end - at);
    at = end + 1;
    if (parameter.empty()) continue;
    const size_t equals = std::min(parameter.find('='), parameter.size());
    std::string name, value;
    append_encoded(name, decoded(parameter.substr(0, equals)), false);
    if (equals < parameter.size()) append_encoded(value, decoded(parameter.substr(equals + 1)), false);
    parameters.emplace_back(std::move(name), std::move(value));
  }
  std::sort(parameters.begin(), parameters.end());
  bool first = true;
  for (const auto& [name, value] : parameters) {
    if (!first) out += '&';
    first = false;
    out.append(name).append("=").append(value);
  }
}

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool equals_lower(std::string_view any_case, std::string_view lower_case) {
  if (any_case.size() != lower_case.size()) return false;
  for (size_t i = 0; i < any_case.size(); ++i) {
    if (lower(any_case[i]) != lower_case[i]) return false;
  }
  return true;
}

// Trimmed, and runs of spaces inside as one.
void append_header_value(std::string& out, std::string_view value) {
  if (value.find_first_of(" \t") == std::string_view::npos) {
    out += value;
    return;
  }
  bool pending_space = false;
  bool begun = false;
  for (const char c : value) {
    if (c == ' ' || c == '\t') {
      pending_space = begun;
      continue;
    }
    if (pending_space) out += ' ';
    pending_space = false;
    begun = true;
    out += c;
  }
}

HmacSha256 derive_key(std::string_view secret, std::string_view day, std::string_view region,
                      std::string_view service) {
  std::string first = "AWS4";
  first += secret;
  Digest256 key = HmacSha256(first)(day);
  key = HmacSha256(as_view(key))(region);
  key = HmacSha256(as_view(key))(service);
  key = HmacSha256(as_view(key))(terminator);
  return HmacSha256(as_view(key));
}

void append_to_sign(std::string& out, std::string_view date, std::string_view scope, const Digest256& canonical_hash) {
  out.append(algorithm).append("\n").append(date).append("\n").append(scope).append("\n");
  append_hex(out, canonical_hash);
}

// Milliseconds since 1970 of "20150830T123600Z"; -1 if it is not of that form.
int64_t parse_amz_date(std::string_view text) {
  if (text.size() != 16 || text[8] != 'T' || text[15] != 'Z') return -1;
  auto number = [&](size_t at, size_t size) {
    int value = 0;
    for (size_t i = at; i < at + size; ++i) {
      if (text[i] < '0' || text[i] > '9') return -1;
      value = value * 10 + (text[i] - '0');
    }
    return value;
  };
  const int year = number(0, 4), month = number(4, 2), day = number(6, 2);
  const int hour = number(9, 2), minute = number(11, 2), second = number(13, 2);
  if (year < 1970 || month < 1 || month > 12 || day < 1 || day > 31 || hour < 0 || hour > 23 || minute < 0 ||
      minute > 59 || second < 0 || second > 60) {
    return -1;
  }
  tm parts{};
  parts.tm_year = year - 1900;
  parts.tm_mon = month - 1;
  parts.tm_mday = day;
  parts.tm_hour = hour;
  parts.tm_min = minute;
  parts.tm_sec = second;
  return int64_t{::timegm(&parts)} * 1000;
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && text.front() == ' ') text.remove_prefix(1);
  while (!text.empty() && text.back() == ' ') text.remove_suffix(1);
  return text;
}

std::unexpected<AwsError> incomplete(std::string message) {
  return std::unexpected(AwsError{400, "IncompleteSignatureException", std::move(message)});
}
std::unexpected<AwsError> invalid(std::string message) {
  return std::unexpected(AwsError{400, "InvalidSignatureException", std::move(message)});
}

std::expected<Authorization, AwsError> parse_authorization(std::string_view header) {
  if (!header.starts_with(algorithm) || header.size() <= algorithm.size() || header[algorithm.size()] != ' ') {
    return incomplete(fmt::format("The Authorization header must begin with '{} '.", algorithm));
  }
  Authorization found;
  std::string_view credential;
  std::string_view rest = header.substr(algorithm.size() + 1);
  while (!rest.empty()) {
    const size_t comma = std::min(rest.find(','), rest.size());
    const std::string_view part = trimmed(rest.substr(0, comma));
    rest.remove_prefix(std::min(comma + 1, rest.size()));
    if (part.starts_with("Credential=")) credential = part.substr(11);
    if (part.starts_with("SignedHeaders=")) found.signed_headers = part.substr(14);
    if (part.starts_with("Signature=")) found.signature = part.substr(10);
  }
  std::string missing;
  if (credential.empty()) missing += "Authorization header requires 'Credential' parameter. ";
  if (found.signature.empty()) missing += "Authorization header requires 'Signature' parameter. ";
  if (found.signed_headers.empty()) missing += "Authorization header requires 'SignedHeaders' parameter. ";
  if (!missing.empty()) {
    missing.pop_back();
    return incomplete(std::move(missing));
  }
  std::array<std::string_view, 5> pieces;
  size_t count = 0;
  std::string_view left = credential;
  for (; count < 5; ++count) {
    const size_t slash = left.find('/');
    pieces[count] = left.substr(0, slash);
    if (slash == std::string_view::npos) {
      left = {};
      ++count;
      break;
    }
    left.remove_prefix(slash + 1);
  }
  if (count != 5 || !left.empty() || std::any_of(pieces.begin(), pieces.end(), [](auto p) { return p.empty(); })) {
    return incomplete("Credential must have exactly 5 slash-delimited elements, e.g. keyid/date/region/service/term.");
  }
  found.access_key_id = pieces[0];
  found.day = pieces[1];
  found.region = pieces[2];
  // It goes into ARNs.
  if (found.region.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string_view::npos) {
    return incomplete("Credential's region must consist of small letters, digits and hyphens.");
  }
  found.service = pieces[3];
  found.scope = credential.substr(pieces[0].size() + 1);
  if (pieces[4] != terminator) return invalid("Credential should be scoped with a valid terminator: 'aws4_request'.");
  return found;
}

// Date and service of the scope are those of the request.
std::expected<void, AwsError> check_scope(const Authorization& authorization, std::string_view date,
                                          std::string_view service) {
  if (parse_amz_date(date) < 0) {
    return incomplete(
        "Authorization header requires existence of an 'X-Amz-Date' header of the form 20261101T120000Z.");
  }
  if (authorization.day != date.substr(0, 8)) {
    return invalid(
        fmt::format("Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date from "
                    "HTTP: '{}' != '{}', from '{}'.",
                    authorization.day, date.substr(0, 8), date));
  }
  if (authorization.service != service) {
    return invalid(fmt::format("Credential should be scoped to correct service: '{}'.", service));
  }
  return {};
}

struct SignedHeaders {
  std::array<std::string_view, signed_headers_max> names;
  size_t count = 0;

  std::span<const std::string_view> all() const { return {names.data(), count}; }
};

// The request has all of them, and nothing that steers it is left unsigned.
std::expected<SignedHeaders, AwsError> find_signed_headers(const http::Request& request, std::string_view listed) {
  SignedHeaders found;
  while (!listed.empty()) {
    const size_t semicolon = std::min(listed.find(';'), listed.size());
    const std::string_view name = listed.substr(0, semicolon);
    listed.remove_prefix(std::min(semicolon + 1, listed.size()));
    if (found.count == found.names.size()) return incomplete("Too many headers are signed.");
    if (!request.has_header(name)) {
      return invalid(fmt::format("The header '{}' is signed, but the request does not have it.", name));
    }
    found.names[found.count++] = name;
  }
  const auto names = found.all();
  // HTTP/2 has a name of its own for it, which no header of HTTP/1.1 can have.
  const auto is_host = [](std::string_view name) { return name == "host" || name == ":authority"; };
  if (std::ranges::none_of(names, is_host)) {
    return invalid("'Host' must be a 'SignedHeader' in the AWS Authorization.");
  }
  for (const http::Header& each : request.headers) {
    if (each.name.size() < 6 || !equals_lower(each.name.substr(0, 6), "x-amz-")) continue;
    if (std::ranges::none_of(names, [&](std::string_view name) { return equals_lower(each.name, name); })) {
      return invalid(fmt::format("'{}' must be a 'SignedHeader' in the AWS Authorization.", each.name));
    }
  }
  return found;
}

std::expected<void, AwsError> check_time(std::string_view date, ProcessingTime now) {
  const int64_t signed_ms = parse_amz_date(date);
  const ProcessingTime earliest(now.value - clock_skew_ms_max);
  const ProcessingTime latest(now.value + clock_skew_ms_max);
  if (signed_ms < earliest.value) {
    return invalid(fmt::format("Signature expired: {} is now earlier than {} ({} - 15 min.)", date, amz_date(earliest),
                               amz_date(now)));
  }
  if (signed_ms > latest.value) {
    return invalid(fmt::format("Signature not yet current: {} is still later than {} ({} + 15 min.)", date,
                               amz_date(latest), amz_date(now)));
  }
  return {};
}

}  // namespace

std::string amz_date(ProcessingTime time) {
  const time_t seconds = time.value / 1000;
  tm parts;
  ::gmtime_r(&seconds, &parts);
  char text[32];
  return std::string(text, std::strftime(text, sizeof(text), "%Y%m%dT%H%M%SZ", &parts));
}

void append_canonical_request(std::string& out, const SignedParts& parts,
                              std::span<const std::string_view> signed_headers, std::string_view payload_hash) {
  out.append(parts.method).append("\n");
  append_canonical_path(out, parts.path);
  out += '\n';
  append_canonical_query(out, parts.query);
  out += '\n';
  for (const std::string_view name : signed_headers) {
    out.append(name).append(":");
    bool first = true;
    for (const http::Header& header : parts.headers) {
      if (!equals_lower(header.name, name)) continue;
      if (!first) out += ',';
      first = false;
      append_header_value(out, header.value);
    }
    out += '\n';
  }
  out += '\n';
  for (size_t i = 0; i < signed_headers.size(); ++i) {
    if (i > 0) out += ';';
    out += signed_headers[i];
  }
  out.append("\n").append(payload_hash);
}

Signer::Signer(Credential credential, std::string region, std::string service)
    : credential_(std::move(credential)), region_(std::move(region)), service_(std::move(service)) {}

std::string Signer::authorization(const SignedParts& parts, std::string_view date) {
  std::vector<std::string> names;
  for (const http::Header& header : parts.headers) {
    std::string name;
    for (const char c : header.name) name += lower(c);
    names.push_back(std::move(name));
  }
  std::sort(names.begin(), names.end());
  names.erase(std::unique(names.begin(), names.end()), names.end());
  const std::vector<std::string_view> signed_headers(names.begin(), names.end());
  const std::string_view day = date.substr(0, 8);
  if (!key_ || day_ != day) {
    day_ = day;
    key_ = std::make_unique<HmacSha256>(derive_key(credential_.secret_access_key, day, region_, service_));
  }
  std::string payload_hash;
  append_hex(payload_hash, sha256_(parts.body));
  canonical_.clear();
  append_canonical_request(canonical_, parts, signed_headers, payload_hash);
  std::string scope;
  scope.append(day).append("/").append(region_).append("/").append(service_).append("/").append(terminator);
  to_sign_.clear();
  append_to_sign(to_sign_, date, scope, sha256_(canonical_));
  std::string out;
  out.append(algorithm).append(" Credential=").append(credential_.access_key_id).append("/").append(scope);
  out += ", SignedHeaders=";
  for (size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += ';';
    out += names[i];
  }
  out += ", Signature=";
  append_hex(out, (*key_)(to_sign_));
  return out;
}

Verifier::Verifier(const Credentials& credentials, base::Clock& clock) : credentials_(credentials), clock_(clock) {}

std::expected<Identity, AwsError> Verifier::verify(const http::Request& request, std::string_view service) {
  const std::string_view header = request.header("authorization");
  if (header.empty()) {
    return std::unexpected(
        AwsError{400, "MissingAuthenticationTokenException", "Request is missing Authentication Token"});
  }
  const auto authorization = parse_authorization(header);
  if (!authorization) return std::unexpected(authorization.error());
  const std::string_view date = request.header("x-amz-date");
  if (auto checked = check_scope(*authorization, date, service); !checked) return std::unexpected(checked.error());
  const auto signed_headers = find_signed_headers(request, authorization->signed_headers);
  if (!signed_headers) return std::unexpected(signed_headers.error());
  const Credential* const credential = credentials_.find(authorization->access_key_id);
  if (credential == nullptr) {
    return std::unexpected(
        AwsError{400, "UnrecognizedClientException", "The security token included in the request is invalid."});
  }
  if (auto checked = check_time(date, clock_.now()); !checked) return std::unexpected(checked.error());

  payload_hash_.clear();
  append_hex(payload_hash_, sha256_(request.body));
  const std::string_view declared = request.header("x-amz-content-sha256");
  if (!declared.empty() && declared != payload_hash_) {
    return invalid("The value of 'x-amz-content-sha256' is not the hash of the payload that arrived.");
  }
  canonical_.clear();
  append_canonical_request(canonical_,
                           {.method = request.method,
                            .path = request.path,
                            .query = request.query,
                            .headers = request.headers,
                            .body = request.body},
                           signed_headers->all(), payload_hash_);
  to_sign_.clear();
  append_to_sign(to_sign_, date, authorization->scope, sha256_(canonical_));
  if (!is_signed(to_sign_, *authorization, *credential)) {
    return invalid(
        "The request signature we calculated does not match the signature you provided. Check your AWS Secret Access "
        "Key and signing method. Consult the service documentation for details.");
  }
  return Identity{authorization->access_key_id, authorization->region};
}

bool Verifier::is_signed(std::string_view text, const Authorization& authorization, const Credential& credential) {
  key_name_.assign(authorization.access_key_id).append("/").append(authorization.scope);
  const auto known = keys_.find(key_name_);
  std::unique_ptr<HmacSha256> derived;
  if (known == keys_.end()) {
    derived = std::make_unique<HmacSha256>(
        derive_key(credential.secret_access_key, authorization.day, authorization.region, authorization.service));
  }
  HmacSha256& key = derived ? *derived : *known->second;
  std::string expected;
  append_hex(expected, key(text));
  if (!equal_in_constant_time(expected, authorization.signature)) return false;
  if (derived) {
    // Only what a holder of the secret has signed is kept, so nobody else can fill the cache.
    if (keys_.size() >= signing_keys_max) keys_.clear();
    keys_.emplace(key_name_, std::move(derived));
  }
  return true;
}

}  // namespace millrace::aws
