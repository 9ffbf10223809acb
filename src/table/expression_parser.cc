// Expressions' text to trees: a tokenizer and a recursive descent over this grammar. Keywords in any case, function
// names in lower case.
//
//   condition  = and { OR and }                     and = not { AND not }
//   not        = NOT not | comparison | predicate "(" arguments ")" | "(" condition ")"
//   comparison = operand ( comparator operand | BETWEEN operand AND operand | IN "(" operand { "," operand } ")" )
//   operand    = path | :value | size "(" operand ")" | "(" operand ")"
//   update     = { SET path "=" sum { "," ... } | REMOVE path ... | ADD path :value ... | DELETE path :value ... }
//   sum        = term [ ( "+" | "-" ) term ]
//   term       = path | :value | if_not_exists "(" path "," term ")" | list_append "(" term "," term ")" | "(" sum ")"
//   projection = path { "," path }
//   path       = name { "." name | "[" digits "]" }  name = word | #name

#include <algorithm>
#include <array>
#include <charconv>

#include "data/text.h"
#include "table/expression_tree.h"

namespace millrace::table {
namespace {

constexpr size_t operators_max = 300;
constexpr size_t in_operands_max = 100;
constexpr size_t path_steps_max = 32;
constexpr int parentheses_depth_max = 300;

struct Token {
  enum class Kind : uint8_t { word, name, value, digits, symbol, end } kind = Kind::end;
  std::string_view text;
};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}
bool is_digit(char c) {
  return c >= '0' && c <= '9';
}
bool is_word_part(char c) {
  return is_letter(c) || is_digit(c) || c == '_';
}
bool is_space(char c) {
  return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

std::vector<Token> tokens_of(std::string_view text) {
  std::vector<Token> tokens;
  size_t at = 0;
  const auto part_end = [&](size_t from) {
    while (from < text.size() && is_word_part(text[from])) ++from;
    return from;
  };
  while (true) {
    while (at < text.size() && is_space(text[at])) ++at;
    if (at == text.size()) break;
    const char c = text[at];
    size_t end = at + 1;
    auto kind = Token::Kind::symbol;
    if (is_letter(c)) {
      kind = Token::Kind::word;
      end = part_end(end);
    } else if (is_digit(c)) {
      kind = Token::Kind::digits;
      while (end < text.size() && is_digit(text[end])) ++end;
    } else if ((c == '#' || c == ':') && part_end(end) > end) {
      kind = c == '#' ? Token::Kind::name : Token::Kind::value;
      end = part_end(end);
    } else if (const auto two = text.substr(at, 2); two == "<>" || two == "<=" || two == ">=") {
      end = at + 2;
    } else {
      end = at + data::first_character(text.substr(at)).size();  // errors quote it
    }
    tokens.push_back({kind, text.substr(at, end - at)});
    at = end;
  }
  tokens.push_back({Token::Kind::end, text.substr(text.size())});
  return tokens;
}

bool is_keyword(const Token& token, std::string_view upper) {
  return token.kind == Token::Kind::word && std::ranges::equal(token.text, upper, [](char a, char b) {
           return (a >= 'a' && a <= 'z' ? a - ('a' - 'A') : a) == b;
         });
}

struct Predicate {
  std::string_view name;
  Condition::Kind kind;
  size_t operands;
};
constexpr std::array predicates = {
    Predicate{"attribute_exists", Condition::Kind::attribute_exists, 1},
    Predicate{"attribute_not_exists", Condition::Kind::attribute_not_exists, 1},
    Predicate{"attribute_type", Condition::Kind::attribute_type, 2},
    Predicate{"begins_with", Condition::Kind::begins_with, 2},
    Predicate{"contains", Condition::Kind::contains, 2},
};
const Predicate* find_predicate(std::string_view name) {
  const auto* found = std::ranges::find(predicates, name, &Predicate::name);
  return found == predicates.end() ? nullptr : found;
}

constexpr std::array<std::pair<std::string_view, Condition::Kind>, 6> comparators = {{
    {"=", Condition::Kind::equal},
    {"<>", Condition::Kind::not_equal},
    {"<", Condition::Kind::less},
    {"<=", Condition::Kind::less_equal},
    {">", Condition::Kind::greater},
    {">=", Condition::Kind::greater_equal},
}};

class Parser {
 public:
  Parser(std::string_view text, ParsedExpression& out) : text_(text), tokens_(tokens_of(text)), out_(out) {}

  Result<void> check_size() const {
    if (tokens_.size() == 1) return refuse("The expression can not be empty;");
    if (text_.size() > expression_bytes_max) {
      return refuse(
          fmt::format("Expression size has exceeded the maximum allowed size; expression size: {}", text_.size()));
    }
    return {};
  }

  Result<Condition> whole_condition() {
    TRY_ASSIGN(Condition condition, parse_or(0));
    TRY(expect_end());
    if (redundant_parentheses_) return refuse("The expression has redundant parentheses;");
    return condition;
  }

  Result<std::vector<UpdateAction>> whole_update() {
    std::vector<UpdateAction> actions;
    std::array<bool, 4> seen{};
    while (token().kind != Token::Kind::end) {
      static constexpr std::array<std::pair<std::string_view, UpdateAction::Kind>, 4> sections = {{
          {"SET", UpdateAction::Kind::set},
          {"REMOVE", UpdateAction::Kind::remove},
          {"ADD", UpdateAction::Kind::add},
          {"DELETE", UpdateAction::Kind::erase},
      }};
      const auto* section =
          std::ranges::find_if(sections, [&](const auto& each) { return is_keyword(token(), each.first); });
      if (section == sections.end()) return syntax_error();
      bool& used = seen[static_cast<size_t>(section->second)];
      if (used) {
        return refuse(fmt::format("The \"{}\" section can only be used once in an update expression;", section->first));
      }
      used = true;
      ++at_;
      do {
        TRY_ASSIGN(UpdateAction action, parse_action(section->second));
        actions.push_back(std::move(action));
      } while (accept(","));
    }
    if (redundant_parentheses_) return refuse("The expression has redundant parentheses;");
    return actions;
  }

  Result<std::vector<Path>> whole_projection() {
    std::vector<Path> paths;
    do {
      TRY_ASSIGN(Path path, parse_path());
      paths.push_back(std::move(path));
    } while (accept(","));
    TRY(expect_end());
    return paths;
  }

 private:
  using Kind = Token::Kind;

  const Token& token(size_t ahead = 0) const { return tokens_[std::min(at_ + ahead, tokens_.size() - 1)]; }
  bool is_symbol(std::string_view symbol, size_t ahead = 0) const {
    return token(ahead).kind == Kind::symbol && token(ahead).text == symbol;
  }
  bool accept(std::string_view symbol) {
    if (!is_symbol(symbol)) return false;
    ++at_;
    return true;
  }
  bool accept_keyword(std::string_view upper) {
    if (!is_keyword(token(), upper)) return false;
    ++at_;
    return true;
  }
  Result<void> expect(std::string_view symbol) {
    if (!accept(symbol)) return syntax_error();
    return {};
  }
  Result<void> expect_end() {
    if (token().kind != Kind::end) return syntax_error();
    return {};
  }

  std::unexpected<Error> refuse(std::string_view what) const {
    return fail(ErrorKind::invalid_argument, "Invalid {}: {}", out_.parameter, what);
  }

  // Near: the token with its neighbours.
  std::unexpected<Error> syntax_error() const {
    const Token& wrong = token();
    const char* const begin = at_ == 0 ? wrong.text.data() : tokens_[at_ - 1].text.data();
    const Token& next = wrong.kind == Kind::end ? tokens_[at_ == 0 ? 0 : at_ - 1] : token(1);
    const Token& last = next.kind == Kind::end ? wrong : next;
    const std::string_view near(begin, last.text.data() + last.text.size());
    return refuse(
        fmt::format("Syntax error; token: \"{}\", near: \"{}\"", wrong.kind == Kind::end ? "<EOF>" : wrong.text, near));
  }

  Result<void> count_operator() {
    if (++operators_ > operators_max) {
      return refuse(
          fmt::format("The expression contains too many operators and functions; the most is {}", operators_max));
    }
    return {};
  }

  static uint32_t slot_of(std::vector<std::string>& slots, std::string_view placeholder) {
    const auto found = std::ranges::find(slots, placeholder);
    const auto slot = static_cast<uint32_t>(found - slots.begin());
    if (found == slots.end()) slots.emplace_back(placeholder);
    return slot;
  }

  // ---- paths

  Result<PathStep> parse_name() {
    const Token& name = token();
    if (name.kind == Kind::name) {
      ++at_;
      return PathStep{PathStep::Kind::slot, {}, slot_of(out_.names, name.text)};
    }
    if (name.kind != Kind::word) return syntax_error();
    if (is_reserved_word(name.text)) {
      // A keyword where a name belongs is a slip of grammar, any other reserved word wants a #name.
      for (const std::string_view keyword : {"AND", "OR", "NOT", "IN", "BETWEEN", "SET", "ADD", "DELETE"}) {
        if (is_keyword(name, keyword)) return syntax_error();
      }
      return refuse(fmt::format("Attribute name is a reserved keyword; reserved keyword: {}", name.text));
    }
    ++at_;
    return PathStep{PathStep::Kind::name, std::string(name.text), 0};
  }

  Result<Path> parse_path() {
    Path path;
    TRY_ASSIGN(PathStep first, parse_name());
    path.push_back(std::move(first));
    while (true) {
      if (accept(".")) {
        TRY_ASSIGN(PathStep step, parse_name());
        path.push_back(std::move(step));
      } else if (accept("[")) {
        const Token& digits = token();
        if (digits.kind != Kind::digits) return syntax_error();
        uint32_t index = 0;
        if (std::from_chars(digits.text.begin(), digits.text.end(), index).ec != std::errc()) {
          return refuse(fmt::format("List index is not within the allowable range; index: [{}]", digits.text));
        }
        ++at_;
        TRY(expect("]"));
        path.push_back({PathStep::Kind::index, {}, index});
      } else {
        break;
      }
      if (path.size() > path_steps_max) {
        return refuse(fmt::format("The document path has too many nesting elements; nesting levels: {}", path.size()));
      }
    }
    return path;
  }

  Operand parse_value() {
    Operand operand;
    operand.kind = Operand::Kind::value;
    operand.value = slot_of(out_.values, token().text);
    ++at_;
    return operand;
  }

  // ---- functions

  bool at_function() const { return token().kind == Kind::word && is_symbol("(", 1); }

  std::unexpected<Error> function_error(std::string_view function, bool in_update) const {
    const bool of_conditions = function == "size" || find_predicate(function) != nullptr;
    const bool of_updates = function == "if_not_exists" || function == "list_append";
    if (in_update && of_conditions) {
      return refuse(fmt::format("The function is not allowed in an update expression; function: {}", function));
    }
    if (!in_update && of_updates) {
      return refuse(fmt::format("The function is not allowed in a condition expression; function: {}", function));
    }
    if (of_conditions || of_updates) return misused(function);
    return refuse(fmt::format("Invalid function name; function: {}", function));
  }

  std::unexpected<Error> misused(std::string_view function) const {
    return refuse(
        fmt::format("The function is not allowed to be used this way in an expression; function: {}", function));
  }

  template <class ParseOperand>
  Result<std::vector<Operand>> parse_arguments(std::string_view function, size_t count, ParseOperand parse_one) {
    TRY(count_operator());
    at_ += 2;  // its name and the parenthesis
    std::vector<Operand> operands;
    do {
      TRY_ASSIGN(Operand operand, parse_one());
      operands.push_back(std::move(operand));
    } while (accept(","));
    TRY(expect(")"));
    if (operands.size() != count) {
      return refuse(
          fmt::format("Incorrect number of operands for operator or function; operator or function: {}, number of "
                      "operands: {}",
                      function, operands.size()));
    }
    return operands;
  }

  Result<void> require_path(const Operand& operand, std::string_view function) const {
    if (operand.kind != Operand::Kind::path) {
      return refuse(fmt::format("Operator or function requires a document path; operator or function: {}", function));
    }
    return {};
  }

  // ---- conditions

  Result<Condition> parse_or(int depth) {
    return parse_chain("OR", Condition::Kind::logical_or, [&] { return parse_and(depth); });
  }
  Result<Condition> parse_and(int depth) {
    return parse_chain("AND", Condition::Kind::logical_and, [&] { return parse_not(depth); });
  }

  template <class ParseOne>
  Result<Condition> parse_chain(std::string_view keyword, Condition::Kind kind, ParseOne parse_one) {
    TRY_ASSIGN(Condition first, parse_one());
    if (!is_keyword(token(), keyword)) return first;
    Condition chain;
    chain.kind = kind;
    chain.conditions.push_back(std::move(first));
    while (accept_keyword(keyword)) {
      TRY(count_operator());
      TRY_ASSIGN(Condition next, parse_one());
      chain.conditions.push_back(std::move(next));
    }
    in_parentheses_ = false;
    return chain;
  }

  Result<Condition> parse_not(int depth) {
    if (depth > parentheses_depth_max) return refuse("The expression is nested too deeply");
    if (!accept_keyword("NOT")) return parse_primary(depth);
    TRY(count_operator());
    TRY_ASSIGN(Condition inner, parse_not(depth + 1));
    Condition condition;
    condition.kind = Condition::Kind::logical_not;
    condition.conditions.push_back(std::move(inner));
    in_parentheses_ = false;
    return condition;
  }

  bool at_comparison() const {
    return is_keyword(token(), "BETWEEN") || is_keyword(token(), "IN") ||
           (token().kind == Kind::symbol &&
            std::ranges::any_of(comparators, [&](const auto& each) { return each.first == token().text; }));
  }

  Result<Condition> parse_primary(int depth) {
    if (is_symbol("(")) {
      // An operand in parentheses, or a condition? What follows the closing one tells.
      const size_t start = at_;
      const bool redundant = redundant_parentheses_;
      const size_t operators = operators_;
      const size_t names = out_.names.size();
      const size_t values = out_.values.size();
      auto operand = parse_operand(depth);
      if (operand && at_comparison()) return parse_comparison(std::move(*operand));
      at_ = start;
      redundant_parentheses_ = redundant;
      operators_ = operators;
      out_.names.resize(names);
      out_.values.resize(values);
      return parse_parenthesised(depth);
    }
    if (at_function() && token().text != "size") return parse_predicate();
    const std::string_view first = token().text;
    TRY_ASSIGN(Operand operand, parse_operand(depth));
    if (operand.kind == Operand::Kind::size && !at_comparison() && token().kind == Kind::end) return misused(first);
    return parse_comparison(std::move(operand));
  }

  Result<Condition> parse_parenthesised(int depth) {
    ++at_;
    in_parentheses_ = false;
    TRY_ASSIGN(Condition condition, parse_or(depth + 1));
    TRY(expect(")"));
    if (in_parentheses_) redundant_parentheses_ = true;
    in_parentheses_ = true;
    return condition;
  }

  Result<Condition> parse_predicate() {
    const std::string_view function = token().text;
    const Predicate* predicate = find_predicate(function);
    if (predicate == nullptr) return function_error(function, false);
    Condition condition;
    condition.kind = predicate->kind;
    TRY_ASSIGN(condition.operands, parse_arguments(function, predicate->operands, [&]() -> Result<Operand> {
                 if (at_function()) return function_error_as_argument(token().text);
                 return parse_operand(0);
               }));
    if (at_comparison()) return misused(function);
    if (condition.kind == Condition::Kind::attribute_exists ||
        condition.kind == Condition::Kind::attribute_not_exists) {
      TRY(require_path(condition.operands[0], function));
    }
    in_parentheses_ = false;
    return condition;
  }

  std::unexpected<Error> function_error_as_argument(std::string_view function) const {
    if (function == "size") return misused(function);
    return function_error(function, false);
  }

  Result<Operand> parse_operand(int depth) {
    if (depth > parentheses_depth_max) return refuse("The expression is nested too deeply");
    if (accept("(")) {
      if (is_symbol("(")) redundant_parentheses_ = true;
      TRY_ASSIGN(Operand operand, parse_operand(depth + 1));
      TRY(expect(")"));
      return operand;
    }
    if (token().kind == Kind::value) return parse_value();
    if (at_function()) {
      const std::string_view function = token().text;
      if (function != "size") return function_error(function, false);
      Operand operand;
      operand.kind = Operand::Kind::size;
      TRY_ASSIGN(operand.operands, parse_arguments(function, 1, [&]() -> Result<Operand> {
                   if (at_function()) return function_error_as_argument(token().text);
                   return parse_operand(depth + 1);
                 }));
      return operand;
    }
    Operand operand;
    TRY_ASSIGN(operand.path, parse_path());
    return operand;
  }

  Result<Condition> parse_comparison(Operand left) {
    Condition condition;
    condition.operands.push_back(std::move(left));
    const auto parse_next = [&]() -> Result<void> {
      TRY_ASSIGN(Operand operand, parse_operand(0));
      condition.operands.push_back(std::move(operand));
      return {};
    };
    TRY(count_operator());
    if (accept_keyword("BETWEEN")) {
      condition.kind = Condition::Kind::between;
      TRY(parse_next());
      if (!accept_keyword("AND")) return syntax_error();
      TRY(parse_next());
    } else if (accept_keyword("IN")) {
      condition.kind = Condition::Kind::in;
      TRY(expect("("));
      do {
        TRY(parse_next());
      } while (accept(","));
      TRY(expect(")"));
      if (condition.operands.size() > in_operands_max + 1) {
        return refuse(fmt::format("Invalid number of operands for the IN operator; number of operands: {}",
                                  condition.operands.size() - 1));
      }
    } else {
      if (!at_comparison()) return syntax_error();
      condition.kind =
          std::ranges::find(comparators, token().text, [](const auto& each) { return each.first; })->second;
      ++at_;
      TRY(parse_next());
    }
    in_parentheses_ = false;
    return condition;
  }

  // ---- updates

  Result<UpdateAction> parse_action(UpdateAction::Kind kind) {
    UpdateAction action;
    action.kind = kind;
    TRY_ASSIGN(action.path, parse_path());
    switch (kind) {
      case UpdateAction::Kind::remove:
        break;
      case UpdateAction::Kind::set: {
        TRY(expect("="));
        TRY_ASSIGN(action.value, parse_sum(0));
        break;
      }
      case UpdateAction::Kind::add:
      case UpdateAction::Kind::erase:
        TRY(count_operator());
        if (token().kind != Kind::value) return syntax_error();
        action.value = parse_value();
    }
    return action;
  }

  static bool is_sum(const Operand& operand) {
    return operand.kind == Operand::Kind::plus || operand.kind == Operand::Kind::minus;
  }

  Result<Operand> parse_sum(int depth) {
    TRY_ASSIGN(Operand left, parse_term(depth));
    if (!is_symbol("+") && !is_symbol("-")) return left;
    TRY(count_operator());
    if (is_sum(left)) return syntax_error();
    Operand sum;
    sum.kind = is_symbol("+") ? Operand::Kind::plus : Operand::Kind::minus;
    ++at_;
    TRY_ASSIGN(Operand right, parse_term(depth));
    if (is_sum(right)) return syntax_error();
    sum.operands.push_back(std::move(left));
    sum.operands.push_back(std::move(right));
    in_parentheses_ = false;
    return sum;
  }

  Result<Operand> parse_term(int depth) {
    if (depth > parentheses_depth_max) return refuse("The expression is nested too deeply");
    if (accept("(")) {
      TRY_ASSIGN(Operand operand, parse_sum(depth + 1));
      TRY(expect(")"));
      if (in_parentheses_) redundant_parentheses_ = true;
      in_parentheses_ = true;
      return operand;
    }
    TRY_ASSIGN(Operand operand, parse_simple_term(depth));
    in_parentheses_ = false;
    return operand;
  }

  // A term without parentheses around it.
  Result<Operand> parse_simple_term(int depth) {
    if (token().kind == Kind::value) return parse_value();
    if (!at_function()) {
      Operand operand;
      TRY_ASSIGN(operand.path, parse_path());
      return operand;
    }
    const std::string_view function = token().text;
    Operand operand;
    if (function == "if_not_exists") {
      operand.kind = Operand::Kind::if_not_exists;
    } else if (function == "list_append") {
      operand.kind = Operand::Kind::list_append;
    } else {
      return function_error(function, true);
    }
    TRY_ASSIGN(operand.operands, parse_arguments(function, 2, [&]() -> Result<Operand> {
                 TRY_ASSIGN(Operand argument, parse_term(depth + 1));
                 if (is_sum(argument)) return syntax_error();
                 const bool appends = argument.kind == Operand::Kind::list_append;
                 if (appends && operand.kind == Operand::Kind::list_append) return misused(function);
                 return argument;
               }));
    if (operand.kind == Operand::Kind::if_not_exists) {
      TRY(require_path(operand.operands[0], function));
      operand.path = std::move(operand.operands[0].path);
      operand.operands.erase(operand.operands.begin());
    }
    return operand;
  }

  std::string_view text_;
  std::vector<Token> tokens_;
  ParsedExpression& out_;
  size_t at_ = 0;
  size_t operators_ = 0;
  bool in_parentheses_ = false;  // what was parsed last is a whole condition or sum in parentheses
  bool redundant_parentheses_ = false;
};

}  // namespace

std::string_view name(Condition::Kind kind) {
  switch (kind) {
    case Condition::Kind::logical_and:
      return "AND";
    case Condition::Kind::logical_or:
      return "OR";
    case Condition::Kind::logical_not:
      return "NOT";
    case Condition::Kind::between:
      return "BETWEEN";
    case Condition::Kind::in:
      return "IN";
    default:
      break;
  }
  for (const auto& [text, comparator] : comparators) {
    if (comparator == kind) return text;
  }
  return std::ranges::find(predicates, kind, &Predicate::kind)->name;
}

Result<ConditionExpression> parse_condition_text(std::string_view text, std::string_view parameter_name) {
  ConditionExpression expression;
  expression.parameter = parameter_name;
  Parser parser(text, expression);
  TRY(parser.check_size());
  TRY_ASSIGN(expression.root, parser.whole_condition());
  return expression;
}

Result<UpdateExpression> parse_update_text(std::string_view text) {
  UpdateExpression expression;
  expression.parameter = "UpdateExpression";
  Parser parser(text, expression);
  TRY(parser.check_size());
  TRY_ASSIGN(expression.actions, parser.whole_update());
  return expression;
}

Result<ProjectionExpression> parse_projection_text(std::string_view text) {
  ProjectionExpression expression;
  expression.parameter = "ProjectionExpression";
  Parser parser(text, expression);
  TRY(parser.check_size());
  TRY_ASSIGN(expression.paths, parser.whole_projection());
  return expression;
}

}  // namespace millrace::table
