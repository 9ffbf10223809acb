#pragma once
// Writes an answer in the coding that its client reads, as it is said, without a tree in between:
//
//   Writer out(call.coding);
//   out.begin();
//   out.member("ShardId").text(name);
//   out.member("Tags").begin_list();
//   ...
//   out.end_list();
//   out.end();
//   call.answer.ok(std::move(out));
//
// Structures and lists are as deep as whoever writes them makes them, and ended by the same. Times are seconds with a
// fraction in JSON, whole milliseconds in CBOR, ISO 8601 in XML; none is before 1970. Texts are UTF-8, names of members
// plain. In XML a member is an element, and one of a list is called `member`; the outermost structure has no tags. One
// thread.

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "aws/protocol.h"
#include "base/ids.h"

namespace millrace::aws {

class Writer {
 public:
  // `bytes` is what the answer is likely to have.
  explicit Writer(Coding coding, size_t bytes = 0)
      : is_json_(!is_cbor(coding) && coding != Coding::query), is_xml_(coding == Coding::query) {
    out_.reserve(bytes);
  }

  // A structure: a value follows each member(), whose name is one of AWS's, so plain.
  void begin();
  void end();
  Writer& member(std::string_view name);

  void begin_list();
  void end_list();

  void text(std::string_view text);
  void plain(std::string_view text);  // of letters, digits and what else JSON never escapes, so sooner
  void blob(std::string_view bytes);
  void integer(int64_t number);
  void boolean(bool value);
  void time(ProcessingTime time);

  size_t size() const { return out_.size(); }
  std::string take() && { return std::move(out_); }

 private:
  bool is_separated() const;
  void separate();
  void put_quoted(std::string_view text, std::string_view behind);

  // Of XML.
  void open(bool list);
  void close();
  void put_element(std::string_view text);

  std::string out_;
  bool is_json_;
  bool is_xml_;
  struct Element {
    std::string name;  // empty: the outermost structure
    bool list = false;
  };
  std::vector<Element> elements_;  // that are open
  std::string_view next_;          // the member that follows
};

}  // namespace millrace::aws
