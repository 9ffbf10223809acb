#include "page/files.h"

#include <zlib.h>

#include <array>

#include "base/bytes.h"

namespace millrace::page {

namespace {

struct Listed {
  std::string_view path;
  std::string_view file;
  std::string_view content_type;
};

constexpr std::string_view html = "text/html; charset=utf-8";
constexpr std::string_view script = "text/javascript; charset=utf-8";
constexpr std::string_view style = "text/css; charset=utf-8";
constexpr std::string_view picture = "image/svg+xml";

constexpr std::array listed = {
    Listed{"/", "web/index.html", html},
    Listed{"/assets/app.js", "web/app.js", script},
    Listed{"/assets/store.js", "web/store.js", script},
    Listed{"/assets/chart.js", "web/chart.js", script},
    Listed{"/assets/format.js", "web/format.js", script},
    Listed{"/assets/style.css", "web/style.css", style},
    Listed{"/assets/icon.svg", "web/icon.svg", picture},
    Listed{"/assets/vendor/htm-preact.module.js", "web/vendor/htm-preact.module.js", script},
    Listed{"/assets/vendor/signals-core.module.js", "web/vendor/signals-core.module.js", script},
    Listed{"/assets/vendor/uPlot.iife.min.js", "web/vendor/uPlot.iife.min.js", script},
    Listed{"/assets/vendor/uPlot.min.css", "web/vendor/uPlot.min.css", style},
};

std::string compressed(std::string_view plain) {
  constexpr int gzip_window = 15 + 16;
  z_stream stream{};
  CHECK(deflateInit2(&stream, Z_BEST_COMPRESSION, Z_DEFLATED, gzip_window, 9, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, plain.size()), '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(plain.data()));
  stream.avail_in = static_cast<uInt>(plain.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  CHECK(deflate(&stream, Z_FINISH) == Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

Result<PageFiles> PageFiles::load(const ReadFile& read) {
  PageFiles files;
  for (const Listed& each : listed) {
    File file;
    file.content_type = each.content_type;
    TRY_ASSIGN(file.plain, read(each.file));
    file.gzip = compressed(file.plain);
    file.tag = fmt::format("\"{:016x}\"", base::hash64(file.plain));
    files.files_.emplace(each.path, std::move(file));
  }
  return files;
}

http::Response PageFiles::respond(const http::Request& request, std::string_view path) const {
  const File& file = files_.find(path)->second;
  http::Response response;
  response.headers = {{"ETag", file.tag}, {"Cache-Control", "no-cache"}, {"Vary", "Accept-Encoding"}};
  add_security_headers(response);
  if (request.header("If-None-Match") == file.tag) {
    response.status = 304;
    return response;
  }
  response.content_type = file.content_type;
  if (request.header("Accept-Encoding").find("gzip") != std::string_view::npos) {
    response.headers.emplace_back("Content-Encoding", "gzip");
    response.body = file.gzip;
  } else {
    response.body = file.plain;
  }
  return response;
}

void add_security_headers(http::Response& response) {
  response.headers.emplace_back("Content-Security-Policy",
                                "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
                                "connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'");
  response.headers.emplace_back("X-Content-Type-Options", "nosniff");
  response.headers.emplace_back("Referrer-Policy", "no-referrer");
}

}  // namespace millrace::page
