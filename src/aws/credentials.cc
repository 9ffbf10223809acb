#include "aws/credentials.h"

namespace millrace::aws {

Result<void> Credentials::add(Credential credential) {
  if (credential.access_key_id.empty() || credential.secret_access_key.empty()) {
    return fail(ErrorKind::invalid_argument, "an access key needs an id and a secret");
  }
  if (credential.access_key_id.find_first_of("/, =") != std::string::npos) {
    return fail(ErrorKind::invalid_argument, "the access key id \"{}\" must have no '/', ',', '=' and no space",
                credential.access_key_id);
  }
  if (by_id_.size() >= access_keys_max) {
    return fail(ErrorKind::limit_exceeded, "there are more than {} access keys", access_keys_max);
  }
  std::string id = credential.access_key_id;
  if (!by_id_.emplace(id, std::move(credential)).second) {
    return fail(ErrorKind::already_exists, "the access key \"{}\" is given twice", id);
  }
  return {};
}

void Credentials::remove(std::string_view access_key_id) {
  const auto found = by_id_.find(access_key_id);
  if (found != by_id_.end()) by_id_.erase(found);
}

const Credential* Credentials::find(std::string_view access_key_id) const {
  const auto found = by_id_.find(access_key_id);
  return found == by_id_.end() ? nullptr : &found->second;
}

}  // namespace millrace::aws
