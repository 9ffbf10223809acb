#pragma once
// The files of the live page, read once at the start and kept in memory, plain and compressed. What is served is a
// fixed list: no path of a request ever reaches the file system.
//
// Immutable after load(); any thread.

#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "http/server.h"

namespace millrace::app {

class DashboardFiles {
 public:
  // not_found: a file of the page is missing.
  static Result<DashboardFiles> load();

  bool has(std::string_view path) const { return files_.find(path) != files_.end(); }
  // 200 with the file, compressed if the client takes that; 304 if it has it already. `path` is one that has().
  http::Response respond(const http::Request& request, std::string_view path) const;

 private:
  struct File {
    std::string_view content_type;
    std::string plain;
    std::string gzip;
    std::string tag;
  };
  std::map<std::string, File, std::less<>> files_;  // by path: "/", "/assets/app.js"
};

// What every answer of the dashboard carries: nothing is loaded from elsewhere, nothing may frame it.
void add_security_headers(http::Response& response);

}  // namespace millrace::app
