#include "sql/lexer.h"

#include <gtest/gtest.h>

#include "sql/names.h"

namespace millrace::sql {
namespace {

std::string error_of(std::string_view script) {
  const auto tokens = tokenize(script);
  return tokens ? "no error" : tokens.error().message;
}

std::vector<std::string> texts_of(std::string_view script) {
  const auto tokens = tokenize(script);
  EXPECT_TRUE(tokens.has_value()) << (tokens ? "" : tokens.error().message);
  std::vector<std::string> texts;
  if (!tokens) return texts;
  for (const Token& token : *tokens) {
    if (token.kind != Token::Kind::end) texts.push_back(token.text);
  }
  return texts;
}

using Texts = std::vector<std::string>;

TEST(Lexer, TellsKindsApart) {
  const auto tokens = tokenize("price `a b``c` 'it''s' 12 1.50 .5 2e-3 <> =>");
  ASSERT_TRUE(tokens.has_value());
  using Kind = Token::Kind;
  std::vector<Kind> kinds;
  for (const Token& token : *tokens) kinds.push_back(token.kind);
  EXPECT_EQ(kinds, (std::vector<Kind>{Kind::word, Kind::quoted_name, Kind::string, Kind::integer, Kind::decimal,
                                      Kind::decimal, Kind::real, Kind::symbol, Kind::symbol, Kind::end}));
  EXPECT_EQ((*tokens)[1].text, "a b`c");
  EXPECT_EQ((*tokens)[2].text, "it's");
}

TEST(Lexer, SkipsComments) {
  EXPECT_EQ(texts_of("a -- b\n/* c\n d */ e --"), (Texts{"a", "e"}));
  EXPECT_EQ(texts_of("a - -b / c"), (Texts{"a", "-", "-", "b", "/", "c"}));
}

TEST(Lexer, SkipsBlanksThatComeWithPastedText) {
  EXPECT_EQ(texts_of("\ufeffSELECT\u00a0a\u202f,\u3000b1\u200b;"), (Texts{"SELECT", "a", ",", "b1", ";"}));
  EXPECT_EQ(texts_of("'a\u00a0b' `c\u00a0d` 12\u00a0x"), (Texts{"a\u00a0b", "c\u00a0d", "12", "x"}));
  EXPECT_EQ(texts_of("gr\u00fcn"), (Texts{"gr\u00fcn"}));
}

TEST(Lexer, KeepsTheCaseOfNames) {
  const auto tokens = tokenize("Select");
  ASSERT_TRUE(tokens.has_value());
  EXPECT_EQ((*tokens)[0].text, "Select");
  EXPECT_EQ((*tokens)[0].capitals, "SELECT");
}

TEST(Lexer, CountsLinesAndCharacters) {
  const auto tokens = tokenize("a\n  'grün' b");
  ASSERT_TRUE(tokens.has_value());
  EXPECT_EQ((*tokens)[1].position.line, 2);
  EXPECT_EQ((*tokens)[1].position.column, 3);
  EXPECT_EQ((*tokens)[2].position.column, 10) << "a letter of two bytes is one column";
}

TEST(Lexer, LocatesWhatIsNotClosed) {
  EXPECT_EQ(error_of("a\n 'b"), "line 2, column 2: the text that starts here is not closed; end it with '");
  EXPECT_EQ(error_of("`b"), "line 1, column 1: the name that starts here is not closed; end it with `");
  EXPECT_EQ(error_of("a /* b"), "line 1, column 3: the comment is not closed; end it with */");
}

TEST(Lexer, RefusesWhatHasNoMeaning) {
  EXPECT_TRUE(error_of("a ? b").starts_with("line 1, column 3: the character '?'"));
  EXPECT_TRUE(error_of(std::string_view("a\0b", 3)).starts_with("line 1, column 2: a byte 0x00"));
  EXPECT_TRUE(error_of("12ab").starts_with("line 1, column 1: '12a' is neither a number nor a name"));
  EXPECT_TRUE(error_of("SELECT /*+ OPTIONS() */ 1").starts_with("line 1, column 8: hints"));
  EXPECT_TRUE(error_of(std::string(script_bytes_max + 1, ' ')).starts_with("line 1, column 1: the script has"));
}

TEST(Names, NearestIsASlipAway) {
  const std::vector<std::string> columns = {"product_id", "visitor_id", "price"};
  EXPECT_EQ(nearest("prodct_id", columns), "product_id");
  EXPECT_EQ(nearest("PRICE", columns), "price");
  EXPECT_EQ(nearest("prcie", columns), "price");
  EXPECT_EQ(nearest("quantity", columns), "");
  EXPECT_EQ(suggestion("zzz", columns, "the columns are"), "; the columns are: product_id, visitor_id, price");
  EXPECT_EQ(suggestion("zzz", {}, "the columns are"), "");
}

TEST(Names, ReservedWordsAreFlinks) {
  for (const char* word : {"SELECT", "VALUE", "WATERMARK", "TIMESTAMP_LTZ"}) EXPECT_TRUE(is_reserved(word)) << word;
  for (const char* word : {"PRODUCT_ID", "VIEWS", "NAME", "KIND"}) EXPECT_FALSE(is_reserved(word)) << word;
}

}  // namespace
}  // namespace millrace::sql
