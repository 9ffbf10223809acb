// Requests of the query protocol: any form is read or refused, as its shape says, and read again the same.

#include "aws/query.h"
#include "aws/writer.h"
#include "input.h"

namespace {

using millrace::aws::Shape;
using millrace::aws::ShapeKind;
using millrace::aws::ShapeMember;

constexpr Shape text{.name = "Text", .kind = ShapeKind::text};
constexpr Shape number{.name = "Number", .kind = ShapeKind::integer};
constexpr Shape flag{.name = "Flag", .kind = ShapeKind::boolean};
constexpr Shape blob{.name = "Blob", .kind = ShapeKind::blob};
constexpr Shape numbers{.name = "Numbers", .kind = ShapeKind::list, .element = &number};
constexpr Shape map{.name = "Map", .kind = ShapeKind::map, .element = &text, .key = &text};
constexpr ShapeMember part_members[] = {{.name = "K", .shape = &text}, {.name = "N", .shape = &numbers}};
constexpr Shape part{.name = "Part", .kind = ShapeKind::structure, .members = part_members};
constexpr Shape parts{.name = "Parts", .kind = ShapeKind::list, .element = &part};
constexpr ShapeMember input_members[] = {
    {.name = "T", .shape = &text}, {.name = "N", .shape = &number}, {.name = "F", .shape = &flag},
    {.name = "B", .shape = &blob}, {.name = "P", .shape = &parts},  {.name = "M", .shape = &map},
};
constexpr Shape input{.name = "Input", .kind = ShapeKind::structure, .members = input_members};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace millrace;
  const fuzz::Exact body(std::string_view(reinterpret_cast<const char*>(data), size));
  const auto form = aws::Form::parse(body.view());
  if (!form) {
    CHECK(form.error().name == "MalformedInput");
    return 0;
  }
  const auto value = form->read(input);
  if (!value) {
    CHECK(value.error().name == "MalformedInput" && !value.error().message.empty());
    return 0;
  }
  CHECK(*value == *aws::Form::parse(body.view())->read(input));
  // What is written has no more tags than it should.
  aws::Writer out(aws::Coding::query);
  out.begin();
  out.member("T").text(form->find("T"));
  out.end();
  const std::string xml = std::move(out).take();
  CHECK(xml.starts_with("<T>") && xml.ends_with("</T>") && xml.find('<', 1) == xml.size() - 4);
  return 0;
}
