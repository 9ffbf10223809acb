#pragma once
// The access keys that may sign requests, at most access_keys_max. Keys may come and go while requests are verified, on
// the thread that verifies them.

#include <string>
#include <string_view>

#include "base/error.h"

#include <map>

namespace millrace::aws {

struct Credential {
  std::string access_key_id;
  std::string secret_access_key;
};

class Credentials {
 public:
  static constexpr size_t access_keys_max = 1000;

  // invalid_argument: an empty key or secret; already_exists; limit_exceeded.
  Result<void> add(Credential credential);
  void remove(std::string_view access_key_id);
  // Until the next change; null if there is none.
  const Credential* find(std::string_view access_key_id) const;
  size_t size() const { return by_id_.size(); }

 private:
  std::map<std::string, Credential, std::less<>> by_id_;
};

}  // namespace millrace::aws
