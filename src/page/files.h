#pragma once
// The files of the live page, read once at the start and kept in memory, plain and compressed. What is served is a
// fixed list: no path of a request ever reaches the file system.
//
// Immutable after load(); any thread.

#include <functional>
#include <map>
#include <string>
#include <string_view>

#include "base/error.h"
#include "http/server.h"

namespace millrace::page {

class PageFiles {
 public:
  // The content of a file of the project, such as "web/app.js".
  using ReadFile = std::function<Result<std::string>(std::string_view path)>;
  // not_found: a file of the page is missing.
  static Result<PageFiles> load(const ReadFile& read);

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

}  // namespace millrace::page
