#include "send/csv.h"

#include <algorithm>

namespace millrace::send {

Result<char> parse_delimiter(std::string_view text) {
  if (text == "tab" || text == "\\t") return '\t';
  const bool one = text.size() == 1 && static_cast<unsigned char>(text[0]) < 0x80;
  if (one && std::string_view("\"\r\n").find(text[0]) == std::string_view::npos) return text[0];
  return fail(ErrorKind::invalid_argument, "`{}` is not a delimiter; one character is, such as ; or |, or tab", text);
}

Result<bool> CsvReader::next(CsvRow& row) {
  for (;;) {
    row_line_ = next_line_;
    Parsed parsed = parse(row);
    while (parsed == Parsed::need_more && file_.text().size() <= SendFile::text_bytes_max) {
      TRY(file_.read_more());
      parsed = parse(row);
    }
    if (parsed == Parsed::need_more) {
      parsed = bad(fmt::format("the row is longer than {} bytes; is a quote left open?", SendFile::text_bytes_max));
    }
    if (parsed == Parsed::bad) {
      TRY(file_.skip_line());
      ++next_line_;
      return std::unexpected(Error{ErrorKind::invalid_argument, problem_});
    }
    const std::string_view taken = file_.text().substr(0, used_);
    if (taken.empty()) return false;
    next_line_ += std::count(taken.begin(), taken.end(), file_.line_end());
    file_.consume(used_);
    if (row.fields.size() == 1 && row.fields[0].empty()) continue;
    return true;
  }
}

CsvReader::Parsed CsvReader::bad(std::string what) {
  problem_ = std::move(what);
  return Parsed::bad;
}

// `at` stands on the opening quote, and behind the closing one afterwards.
CsvReader::Parsed CsvReader::parse_quoted(std::string_view text, size_t& at, std::string& field) {
  size_t from = at + 1;
  for (;;) {
    const size_t quote = text.find('"', from);
    if (quote == std::string_view::npos) {
      if (!file_.at_end()) return Parsed::need_more;
      return bad("a quote is opened and never closed");
    }
    field.append(text.substr(from, quote - from));
    if (quote + 1 == text.size() && !file_.at_end()) return Parsed::need_more;
    if (quote + 1 < text.size() && text[quote + 1] == '"') {
      field.push_back('"');
      from = quote + 2;
      continue;
    }
    at = quote + 1;
    return Parsed::row;
  }
}

CsvReader::Parsed CsvReader::parse(CsvRow& row) {
  const std::string_view text = file_.text();
  const char line_end = file_.line_end();
  const char ends[] = {separator_, line_end};
  size_t count = 0;
  size_t at = 0;
  used_ = 0;
  for (;;) {
    if (row.fields.size() <= count) row.fields.emplace_back();
    std::string& field = row.fields[count++];
    field.clear();
    if (at < text.size() && text[at] == '"') {
      if (const Parsed parsed = parse_quoted(text, at, field); parsed != Parsed::row) return parsed;
      if (at < text.size() && text[at] == '\r' && line_end == '\n') {
        if (at + 1 == text.size() && !file_.at_end()) return Parsed::need_more;
        if (at + 1 == text.size() || text[at + 1] == '\n') ++at;
      }
      if (at < text.size() && text[at] != separator_ && text[at] != line_end) {
        return bad(fmt::format("text after the closing quote of field {}", count));
      }
    } else {
      const size_t end = std::min(text.find_first_of(std::string_view(ends, 2), at), text.size());
      if (end == text.size() && !file_.at_end()) return Parsed::need_more;
      std::string_view plain = text.substr(at, end - at);
      if (line_end == '\n' && (end == text.size() || text[end] == '\n') && plain.ends_with('\r'))
        plain.remove_suffix(1);
      field.assign(plain);
      at = end;
    }
    if (at == text.size()) {
      if (!file_.at_end()) return Parsed::need_more;
      break;
    }
    if (text[at++] == line_end) break;
  }
  row.fields.resize(count);
  used_ = at;
  return Parsed::row;
}

}  // namespace millrace::send
