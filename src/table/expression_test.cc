#include "table/expression.h"

#include <gtest/gtest.h>

#include <random>
#include <thread>

#include "table/expression_tree.h"
#include "table/table.h"

namespace millrace::table {
namespace {

Number number(std::string_view text) {
  return *Number::parse(text);
}

TableDefinition products() {
  TableDefinition table;
  table.name = "Products";
  table.hash_key = {"id", KeyType::string};
  table.range_key = KeyAttribute{"version", KeyType::number};
  return table;
}

// A request's names and values, and an item to meet.
struct Request {
  Substitutions substitutions;
  Item item{
      {"id", "p1"},
      {"version", 7},
      {"price", number("12.50")},
      {"title", "green tea"},
      {"photo", Binary{std::string("\1\2\3", 3)}},
      {"on_sale", true},
      {"nothing", AttributeValue()},
      {"tags", StringSet{"hot", "new"}},
      {"sizes", NumberSet{Number(1), Number(2)}},
      {"notes", List{1, "two", List{3}}},
      {"maker", Map{{"city", "Uji"}, {"since", 1867}, {"plots", List{Map{{"area", 3}}, Map{{"area", 5}}}}}},
  };

  Request() {
    substitutions.names = {{"#t", "title"}, {"#m", "maker"}, {"#size", "size"}};
    substitutions.values = {
        {":one", 1},
        {":two", 2},
        {":ten", 10},
        {":hundred", 100},
        {":tea", "tea"},
        {":green", "green"},
        {":new", "new"},
        {":uji", "Uji"},
        {":yes", true},
        {":null", AttributeValue()},
        {":list", List{"x"}},
        {":none", List{}},
        {":map", Map{}},
        {":tags", StringSet{"hot"}},
        {":all_tags", StringSet{"hot", "new"}},
        {":numbers", NumberSet{Number(2), Number(3)}},
        {":bytes", Binary{std::string("\1\2", 2)}},
        {":type_s", "S"},
        {":type_x", "X"},
        {":price", number("12.5")},
    };
  }

  Result<bool> meets(std::string_view text, bool exists = true) {
    TRY_ASSIGN(const auto condition, parse_condition(text, "ConditionExpression"));
    UsedSubstitutions used(substitutions);
    return evaluate(*condition, used, exists ? &item : nullptr);
  }
  Result<Item> updated(std::string_view text, bool exists = true) {
    TRY_ASSIGN(const auto update, parse_update(text));
    UsedSubstitutions used(substitutions);
    const Item key{{"id", "p1"}, {"version", 7}};
    TRY_ASSIGN(const auto bound, BoundUpdate::bind(update, used, products()));
    return bound.apply(key, exists ? &item : nullptr);
  }
  Result<Item> projected(std::string_view text) {
    TRY_ASSIGN(const auto projection, parse_projection(text));
    UsedSubstitutions used(substitutions);
    return project(*projection, used, item);
  }
  Result<KeyRange> keys(std::string_view text) {
    UsedSubstitutions used(substitutions);
    return key_range(text, used, products());
  }
};

template <class T>
std::string message(const Result<T>& result) {
  return result ? "no error" : result.error().message;
}

TEST(ConditionTest, Holds) {
  const std::pair<std::string_view, bool> cases[] = {
      {"price = :price", true},
      {"price = :ten", false},
      {":price = price", true},
      {"price <> :ten", true},
      {"absent <> :ten", true},
      {"absent = :ten", false},
      {"title = :ten", false},
      {"price > :ten AND price < :hundred", true},
      {"price >= :price and price <= :price", true},
      {"price > :tea", false},
      {"price < :hundred OR absent = :one", true},
      {"price BETWEEN :ten AND :hundred", true},
      {"price BETWEEN :one AND :ten", false},
      {"price between :ten and :hundred AND title = :tea", false},
      {"version IN (:one, :two)", false},
      {"title IN (:tea, maker.city)", false},
      {"maker.city IN (:tea, :uji)", true},
      {"NOT price = :ten", true},
      {"NOT NOT price = :ten", false},
      {"not (price = :ten or price = :price)", false},
      // AND binds closer than OR, NOT closest
      {"price = :price OR price = :ten AND price = :one", true},
      {"(price = :price OR price = :ten) AND price = :one", false},
      {"NOT price = :ten AND price = :one", false},
      {"attribute_exists(maker.city)", true},
      {"attribute_exists(maker.street)", false},
      {"attribute_exists(notes[2][0])", true},
      {"attribute_exists(notes[3])", false},
      {"attribute_exists(title.x)", false},
      {"attribute_not_exists(absent)", true},
      {"attribute_not_exists(#m.city)", false},
      {"attribute_type(title, :type_s)", true},
      {"attribute_type(price, :type_s)", false},
      {"attribute_type(:tea, :type_s)", true},
      {"attribute_type(:one, :type_s)", false},
      {"begins_with(#t, :green)", true},
      {"begins_with(#t, :tea)", false},
      {"begins_with(photo, :bytes)", true},
      {"begins_with(price, :green)", false},
      {"contains(#t, :tea)", true},
      {"contains(tags, :new)", true},
      {"contains(tags, :tea)", false},
      {"contains(sizes, :two)", true},
      {"contains(notes, :one)", true},
      {"contains(notes, :two)", false},
      {"contains(photo, :bytes)", true},
      {"contains(price, :one)", false},
      {"size(title) < :ten", true},
      {"size(tags) = :two", true},
      {"size(notes) > :two", true},
      {"size(maker) > size(tags)", true},
      {"size(price) > :one", false},
      {"size(absent) > :one", false},
      {"tags = :all_tags", true},
      {"tags = :tags", false},
      {"maker.plots[1].area > maker.plots[0].area", true},
      {"on_sale = :yes", true},
      {"nothing = :null", true},
      {"(price) = (:price)", true},
      {"((price) = :price) AND (attribute_exists(id))", true},
      {"  price\t=\n:price ", true},
  };
  Request request;
  for (const auto& [text, expected] : cases) {
    const auto result = request.meets(text);
    ASSERT_TRUE(result.has_value()) << text << ": " << message(result);
    EXPECT_EQ(*result, expected) << text;
  }
}

TEST(ConditionTest, CountsTextsByUtf16CodeUnits) {
  Request request;
  for (const auto& [text, units] : std::vector<std::pair<std::string, int>>{
           {"", 0}, {"abc", 3}, {"\u00e9", 1}, {"\u65e5\u672c\u8a9e", 3}, {"\U0001f600", 2}, {"a\U0001f600b", 4}}) {
    request.item["title"] = text;
    request.substitutions.values[":units"] = units;
    EXPECT_TRUE(*request.meets("size(title) = :units")) << text;
  }
}

TEST(ConditionTest, MeetsNoItem) {
  Request request;
  EXPECT_TRUE(*request.meets("attribute_not_exists(id)", false));
  EXPECT_FALSE(*request.meets("attribute_exists(id)", false));
  EXPECT_FALSE(*request.meets("price = :one", false));
  EXPECT_TRUE(*request.meets("price <> :one", false));
  EXPECT_TRUE(*request.meets("NOT price = :one", false));
}

TEST(ConditionTest, RefusesInDynamoDbsWords) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "The expression can not be empty;"},
      {"  ", "The expression can not be empty;"},
      {"price = = :one", R"(Syntax error; token: "=", near: "= = :one")"},
      {"price =", R"(Syntax error; token: "<EOF>", near: "=")"},
      {"price", R"(Syntax error; token: "<EOF>", near: "price")"},
      {"= :one", R"(Syntax error; token: "=", near: "= :one")"},
      {"price != :one", R"(Syntax error; token: "!", near: "price !=")"},
      {"price = :one AND", R"(Syntax error; token: "<EOF>", near: "AND")"},
      {"(price = :one", R"(Syntax error; token: "<EOF>", near: ":one")"},
      {"price = :one)", R"~(Syntax error; token: ")", near: ":one)")~"},
      {"price = 5", R"(Syntax error; token: "5", near: "= 5")"},
      {"price BETWEEN :one OR :two", R"(Syntax error; token: "OR", near: ":one OR :two")"},
      {"price IN :one", R"(Syntax error; token: ":one", near: "IN :one")"},
      {"_x = :one", R"(Syntax error; token: "_", near: "_x")"},
      {"maker. = :one", R"(Syntax error; token: "=", near: ". = :one")"},
      {"notes[x] = :one", R"(Syntax error; token: "x", near: "[x]")"},
      {"notes[99999999999] = :one", "List index is not within the allowable range; index: [99999999999]"},
      {"size = :one", "Attribute name is a reserved keyword; reserved keyword: size"},
      {"maker.Name = :one", "Attribute name is a reserved keyword; reserved keyword: Name"},
      {"absent = :absent", "An expression attribute value used in expression is not defined; attribute value: :absent"},
      {"#absent = :one",
       "An expression attribute name used in the document path is not defined; attribute name: #absent"},
      {"price = :one OR absent = :absent",
       "An expression attribute value used in expression is not defined; attribute value: :absent"},
      {"dog(price)", "Invalid function name; function: dog"},
      {"Contains(price, :one)", "Invalid function name; function: Contains"},
      {"price = dog(:one)", "Invalid function name; function: dog"},
      {"attribute_exists(price, id)",
       "Incorrect number of operands for operator or function; operator or function: attribute_exists, number of "
       "operands: 2"},
      {"contains(price)",
       "Incorrect number of operands for operator or function; operator or function: contains, number of operands: 1"},
      {"attribute_exists(:one)",
       "Operator or function requires a document path; operator or function: attribute_exists"},
      {"price = attribute_exists(id)",
       "The function is not allowed to be used this way in an expression; function: attribute_exists"},
      {"size(price)", "The function is not allowed to be used this way in an expression; function: size"},
      {"contains(size(price), :one)",
       "The function is not allowed to be used this way in an expression; function: size"},
      {"price = if_not_exists(price, :one)",
       "The function is not allowed in a condition expression; function: if_not_exists"},
      {"price = price",
       "The first operand must be distinct from the remaining operands for this operator or function; operator: =, "
       "first operand: [price]"},
      {"title = #t",
       "The first operand must be distinct from the remaining operands for this operator or function; operator: =, "
       "first operand: [title]"},
      {"price < :yes", "Incorrect operand type for operator or function; operator or function: <, operand type: BOOL"},
      {"begins_with(title, :one)",
       "Incorrect operand type for operator or function; operator or function: begins_with, operand type: N"},
      {"size(:one) = :one",
       "Incorrect operand type for operator or function; operator or function: size, operand type: N"},
      {"attribute_type(title, :one)",
       "Incorrect operand type for operator or function; operator or function: attribute_type, operand type: N"},
      {"attribute_type(title, :type_x)",
       "Invalid attribute type name found; type: X, valid types: {B,NULL,SS,BOOL,L,BS,N,NS,S,M}"},
      {"price BETWEEN :ten AND :one",
       "The BETWEEN operator requires upper bound to be greater than or equal to lower bound; lower bound operand: "
       "AttributeValue: {N:10}, upper bound operand: AttributeValue: {N:1}"},
      {"price BETWEEN :ten AND :tea",
       "The BETWEEN operator requires same data type for lower and upper bounds; lower bound operand: AttributeValue: "
       "{N:10}, upper bound operand: AttributeValue: {S:tea}"},
      {"((price = :one))", "The expression has redundant parentheses;"},
      {"((price)) = :one", "The expression has redundant parentheses;"},
      {"price = :one AND ((version = :two))", "The expression has redundant parentheses;"},
  };
  Request request;
  for (const auto& [text, expected] : cases) {
    const auto result = request.meets(text);
    EXPECT_EQ(message(result), "Invalid ConditionExpression: " + std::string(expected)) << text;
  }
}

TEST(ConditionTest, BoundsSizeDepthAndOperators) {
  Request request;
  EXPECT_NE(
      message(request.meets(std::string(4097, 'a'))).find("Expression size has exceeded the maximum allowed size"),
      std::string::npos);
  std::string nots;
  for (int i = 0; i < 1000; ++i) nots += "NOT ";
  EXPECT_NE(message(request.meets(nots + "price = :one")), "no error");
  EXPECT_NE(message(request.meets(std::string(2000, '(') + "price = :one" + std::string(2000, ')'))), "no error");
  EXPECT_NE(message(request.meets(std::string(4096, '('))), "no error");
  std::string many = "id=:one";
  for (int i = 0; i < 299; ++i) many += " OR id=:one";
  EXPECT_NE(message(request.meets(many)).find("too many operators"), std::string::npos);
}

TEST(ConditionTest, SurvivesAnyText) {
  constexpr uint64_t seed = 7;  // of which some texts happen to be conditions that hold
  SCOPED_TRACE(seed);
  std::mt19937_64 random(seed);
  static const std::string pieces[] = {"price",
                                       "#t",
                                       ":one",
                                       "(",
                                       ")",
                                       "=",
                                       "<",
                                       "<>",
                                       " AND ",
                                       " OR ",
                                       "NOT ",
                                       " BETWEEN ",
                                       " IN ",
                                       ".",
                                       "[",
                                       "]",
                                       "0",
                                       "size(",
                                       ",",
                                       "contains(",
                                       "attribute_exists(",
                                       "SET ",
                                       "ADD ",
                                       "REMOVE ",
                                       "+",
                                       "-",
                                       "list_append(",
                                       "if_not_exists(",
                                       "\xff",
                                       "maker"};
  Request request;
  int held = 0;
  for (int i = 0; i < 20'000; ++i) {
    std::string text = random() % 2 == 0 ? "SET price=" : "";
    for (size_t count = random() % 14; count > 0; --count) text += pieces[random() % std::size(pieces)];
    if (request.meets(text)) ++held;
    (void)request.updated(text);
    (void)request.projected(text);
    (void)request.keys(text);
  }
  EXPECT_GT(held, 0);
}

TEST(ConditionTest, FilterSeesItsErrorsWithoutItems) {
  Request request;
  UsedSubstitutions used(request.substitutions);
  const auto filter = *parse_condition("price < :yes", "FilterExpression");
  const auto bound = BoundCondition::bind(filter, used);
  EXPECT_NE(message(bound).find("Invalid FilterExpression: Incorrect operand type"), std::string::npos);
  const auto good = BoundCondition::bind(*parse_condition("price < :hundred", "FilterExpression"), used);
  ASSERT_TRUE(good.has_value());
  EXPECT_TRUE(good->holds(&request.item));
}

TEST(ConditionTest, TellsWhatItNames) {
  Request request;
  UsedSubstitutions used(request.substitutions);
  const auto condition = *parse_condition("price = :one OR NOT contains(#t, :tea) AND size(maker.city) > :one", "C");
  EXPECT_EQ(*attributes_of(*condition, used), (std::set<std::string_view>{"price", "title", "maker"}));
}

TEST(SubstitutionsTest, UnusedOnesAreRefused) {
  Substitutions substitutions;
  substitutions.names = {{"#a", "a"}, {"#b", "b"}};
  substitutions.values = {{":x", 1}, {":y", 2}};
  UsedSubstitutions used(substitutions);
  const auto condition = *parse_condition("#a = :x OR #a = :y", "ConditionExpression");
  ASSERT_TRUE(evaluate(*condition, used, nullptr).has_value());
  EXPECT_EQ(message(used.check_all_used()),
            "Value provided in ExpressionAttributeNames unused in expressions: keys: {#b}");
  const auto other = *parse_condition("attribute_exists(#b)", "ConditionExpression");
  ASSERT_TRUE(evaluate(*other, used, nullptr).has_value());
  EXPECT_TRUE(used.check_all_used().has_value());

  UsedSubstitutions none(substitutions);
  (void)none.name("#a");
  (void)none.name("#b");
  EXPECT_EQ(message(none.check_all_used()),
            "Value provided in ExpressionAttributeValues unused in expressions: keys: {:x, :y}");
}

TEST(UpdateTest, ChangesTheItem) {
  struct Case {
    std::string_view text;
    std::function<void(Item&)> change;
  };
  const auto maker = [](Item& item) -> Map& { return std::get<Map>(item["maker"].value); };
  const auto notes = [](Item& item) -> List& { return std::get<List>(item["notes"].value); };
  const Case cases[] = {
      {"SET price = :one", [](Item& i) { i["price"] = 1; }},
      {"set price = :one, title = :tea",
       [](Item& i) {
         i["price"] = 1;
         i["title"] = "tea";
       }},
      {"SET price = price + :one", [](Item& i) { i["price"] = number("13.5"); }},
      {"SET price = :one - price", [](Item& i) { i["price"] = number("-11.5"); }},
      {"SET price = (price - :one)", [](Item& i) { i["price"] = number("11.5"); }},
      {"SET price = ((price) + :one)", [](Item& i) { i["price"] = number("13.5"); }},
      {"SET price = ((price) + (:one))", [](Item& i) { i["price"] = number("13.5"); }},
      {"SET price = (if_not_exists((price), (:one)) + :one)", [](Item& i) { i["price"] = number("13.5"); }},
      {"SET price = if_not_exists(price, :one)", [](Item&) {}},
      {"SET stock = if_not_exists(stock, :ten) - :one", [](Item& i) { i["stock"] = 9; }},
      {"SET place = maker.city", [](Item& i) { i["place"] = "Uji"; }},
      {"SET maker.city = :tea", [&](Item& i) { maker(i)["city"] = "tea"; }},
      {"SET maker.plots[0].area = :ten",
       [&](Item& i) {
         auto& plots = std::get<List>(maker(i)["plots"].value);
         std::get<Map>(plots[0].value)["area"] = 10;
       }},
      {"SET notes[1] = :one", [&](Item& i) { notes(i)[1] = 1; }},
      {"SET notes[30] = :two, notes[20] = :one",
       [&](Item& i) {
         notes(i).push_back(1);
         notes(i).push_back(2);
       }},
      {"SET notes = list_append(notes, :list)", [&](Item& i) { notes(i).push_back("x"); }},
      {"SET notes = list_append(:list, notes)", [&](Item& i) { notes(i).insert(notes(i).begin(), "x"); }},
      {"SET log_lines = list_append(if_not_exists(log_lines, :none), :list)",
       [](Item& i) { i["log_lines"] = List{"x"}; }},
      // all reads see the old item
      {"SET title = maker.city, maker.city = title",
       [&](Item& i) {
         i["title"] = "Uji";
         maker(i)["city"] = "green tea";
       }},
      {"REMOVE title, absent", [](Item& i) { i.erase("title"); }},
      {"REMOVE notes[0], notes[1]", [&](Item& i) { notes(i).erase(notes(i).begin(), notes(i).begin() + 2); }},
      {"REMOVE notes[9]", [](Item&) {}},
      {"REMOVE notes[0] SET notes[2] = :one",
       [&](Item& i) {
         notes(i)[2] = 1;
         notes(i).erase(notes(i).begin());
       }},
      {"REMOVE maker.plots[0].area, maker.plots[1]", [&](Item& i) { maker(i)["plots"] = List{Map{}}; }},
      {"ADD price :one", [](Item& i) { i["price"] = number("13.5"); }},
      {"ADD stock :ten", [](Item& i) { i["stock"] = 10; }},
      {"ADD maker.since :one", [&](Item& i) { maker(i)["since"] = 1868; }},
      {"ADD sizes :numbers",
       [](Item& i) {
         i["sizes"] = NumberSet{Number(1), Number(2), Number(3)};
       }},
      {"ADD labels :tags", [](Item& i) { i["labels"] = StringSet{"hot"}; }},
      {"DELETE tags :tags", [](Item& i) { i["tags"] = StringSet{"new"}; }},
      {"DELETE tags :all_tags", [](Item& i) { i.erase("tags"); }},
      {"DELETE absent :tags", [](Item&) {}},
      {"SET price = :one REMOVE title ADD stock :two DELETE tags :tags",
       [](Item& i) {
         i["price"] = 1;
         i.erase("title");
         i["stock"] = 2;
         i["tags"] = StringSet{"new"};
       }},
      {"SET #t = :tea", [](Item& i) { i["title"] = "tea"; }},
  };
  for (const Case& each : cases) {
    Request request;
    Item expected = request.item;
    each.change(expected);
    const auto result = request.updated(each.text);
    ASSERT_TRUE(result.has_value()) << each.text << ": " << message(result);
    EXPECT_EQ(*result, expected) << each.text;
  }
}

TEST(UpdateTest, MakesAnItemFromTheKey) {
  Request request;
  EXPECT_EQ(*request.updated("SET price = :one", false), (Item{{"id", "p1"}, {"version", 7}, {"price", 1}}));
  EXPECT_EQ(*request.updated("REMOVE price", false), (Item{{"id", "p1"}, {"version", 7}}));
  // The item is made with its key, so operands see that.
  for (const auto& [text, expected] : std::vector<std::pair<std::string, AttributeValue>>{
           {"SET price = version", 7},
           {"SET price = version + :one", 8},
           {"SET price = if_not_exists(version, :one)", 7},
           {"SET price = if_not_exists(price, version)", 7},
       }) {
    EXPECT_EQ(*request.updated(text, false), (Item{{"id", "p1"}, {"version", 7}, {"price", expected}})) << text;
  }
  EXPECT_EQ(message(request.updated("SET price = price + :one", false)),
            "The provided expression refers to an attribute that does not exist in the item");
}

TEST(UpdateTest, ProjectsWhatItTouches) {
  Request request;
  UsedSubstitutions used(request.substitutions);
  const auto update = *parse_update("SET maker.city = :tea, maker.since = :one REMOVE notes[0]");
  const auto bound = BoundUpdate::bind(update, used, products());
  ASSERT_TRUE(bound.has_value());
  EXPECT_EQ(bound->project(request.item), (Item{{"maker", Map{{"city", "Uji"}, {"since", 1867}}}, {"notes", List{1}}}));
}

TEST(UpdateTest, RefusesInDynamoDbsWords) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "Invalid UpdateExpression: The expression can not be empty;"},
      {"price = :one", R"(Invalid UpdateExpression: Syntax error; token: "price", near: "price =")"},
      {"SET _123 = :one", R"(Invalid UpdateExpression: Syntax error; token: "_", near: "SET _123")"},
      {"SET price = :one,", R"(Invalid UpdateExpression: Syntax error; token: "<EOF>", near: ",")"},
      {"SET price = :one + :one + :one", R"(Invalid UpdateExpression: Syntax error; token: "+", near: ":one + :one")"},
      {"ADD price price", R"(Invalid UpdateExpression: Syntax error; token: "price", near: "price price")"},
      {"SET price = ((price))", "Invalid UpdateExpression: The expression has redundant parentheses;"},
      {"SET price = ((price + :one))", "Invalid UpdateExpression: The expression has redundant parentheses;"},
      {"SET price = ((price)) + :one", "Invalid UpdateExpression: The expression has redundant parentheses;"},
      {"SET price = :one SET title = :tea",
       R"(Invalid UpdateExpression: The "SET" section can only be used once in an update expression;)"},
      {"SET status = :one", "Invalid UpdateExpression: Attribute name is a reserved keyword; reserved keyword: status"},
      {"SET price = size(title)",
       "Invalid UpdateExpression: The function is not allowed in an update expression; function: size"},
      {"SET price = dog(title)", "Invalid UpdateExpression: Invalid function name; function: dog"},
      {"SET price = if_not_exists(:one, :one)",
       "Invalid UpdateExpression: Operator or function requires a document path; operator or function: if_not_exists"},
      {"SET price = :one, price = :two",
       "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these "
       "paths; path one: [price], path two: [price]"},
      {"SET maker.city = :one REMOVE maker",
       "Invalid UpdateExpression: Two document paths overlap with each other; must remove or rewrite one of these "
       "paths; path one: [maker], path two: [maker, city]"},
      {"SET #m.city = :one, maker[1] = :one",
       "Invalid UpdateExpression: Two document paths conflict with each other; must remove or rewrite one of these "
       "paths; path one: [maker, city], path two: [maker, [1]]"},
      {"SET id = :one",
       "One or more parameter values were invalid: Cannot update attribute id. This attribute is part of the key"},
      {"REMOVE version",
       "One or more parameter values were invalid: Cannot update attribute version. This attribute is part of the key"},
      {"SET price = absent", "The provided expression refers to an attribute that does not exist in the item"},
      {"SET notes = list_append(list_append(notes, :list), :list)",
       "Invalid UpdateExpression: The function is not allowed to be used this way in an expression; function: "
       "list_append"},
      {"SET price = ü", "Invalid UpdateExpression: Syntax error; token: \"ü\", near: \"= ü\""},
      {"SET price = title + :one", "An operand in the update expression has an incorrect data type"},
      {"SET price = :tea + :one",
       "Invalid UpdateExpression: Incorrect operand type for operator or function; operator or function: +, operand "
       "type: S"},
      {"SET price = list_append(title, :list)", "An operand in the update expression has an incorrect data type"},
      {"SET price = list_append(notes, :one)",
       "Invalid UpdateExpression: Incorrect operand type for operator or function; operator or function: list_append, "
       "operand type: N"},
      {"ADD price :tea",
       "Invalid UpdateExpression: Incorrect operand type for operator or function; operator: ADD, operand type: "
       "STRING, typeSet: ALLOWED_FOR_ADD_OPERAND"},
      {"DELETE tags :one",
       "Invalid UpdateExpression: Incorrect operand type for operator or function; operator: DELETE, operand type: "
       "NUMBER, typeSet: ALLOWED_FOR_DELETE_OPERAND"},
      {"ADD title :one", "An operand in the update expression has an incorrect data type"},
      {"DELETE tags :numbers", "An operand in the update expression has an incorrect data type"},
      {"SET absent.x = :one", "The document path provided in the update expression is invalid for update"},
      {"SET title.x = :one", "The document path provided in the update expression is invalid for update"},
      {"SET maker[0] = :one", "The document path provided in the update expression is invalid for update"},
      {"SET notes.x = :one", "The document path provided in the update expression is invalid for update"},
      {"REMOVE absent.x", "The document path provided in the update expression is invalid for update"},
  };
  for (const auto& [text, expected] : cases) {
    Request request;
    EXPECT_EQ(message(request.updated(text)), expected) << text;
  }
}

TEST(ProjectionTest, TakesPaths) {
  Request request;
  EXPECT_EQ(*request.projected("id, price"), (Item{{"id", "p1"}, {"price", number("12.5")}}));
  EXPECT_EQ(*request.projected("absent, id"), (Item{{"id", "p1"}}));
  EXPECT_EQ(*request.projected("#m.city"), (Item{{"maker", Map{{"city", "Uji"}}}}));
  EXPECT_EQ(*request.projected("maker.city, maker.since, id"),
            (Item{{"id", "p1"}, {"maker", Map{{"city", "Uji"}, {"since", 1867}}}}));
  EXPECT_EQ(*request.projected("notes[2][0], notes[0]"), (Item{{"notes", List{1, List{3}}}}));
  EXPECT_EQ(*request.projected("maker.plots[1].area"), (Item{{"maker", Map{{"plots", List{Map{{"area", 5}}}}}}}));
  EXPECT_EQ(*request.projected("maker.street, title.x, notes[7]"), Item());
}

TEST(ProjectionTest, RefusesInDynamoDbsWords) {
  Request request;
  EXPECT_EQ(message(request.projected("")), "Invalid ProjectionExpression: The expression can not be empty;");
  EXPECT_EQ(message(request.projected("id,,price")),
            R"(Invalid ProjectionExpression: Syntax error; token: ",", near: ",,price")");
  EXPECT_EQ(message(request.projected("maker.plots[1], maker")),
            "Invalid ProjectionExpression: Two document paths overlap with each other; must remove or rewrite one of "
            "these paths; path one: [maker], path two: [maker, plots, [1]]");
  EXPECT_EQ(message(request.projected("#absent")),
            "Invalid ProjectionExpression: An expression attribute name used in the document path is not defined; "
            "attribute name: #absent");
}

TEST(KeyConditionTest, GivesTheRange) {
  using Compare = KeyRange::Compare;
  struct Case {
    std::string_view text;
    Compare compare;
    AttributeValue first;
    AttributeValue second;
  };
  const Case cases[] = {
      {"id = :tea", Compare::none, {}, {}},
      {":tea = id", Compare::none, {}, {}},
      {"id = :tea AND version = :one", Compare::equal, 1, {}},
      {"version = :one AND id = :tea", Compare::equal, 1, {}},
      {"(id = :tea) AND (version < :one)", Compare::less, 1, {}},
      {"id = :tea AND version <= :one", Compare::less_equal, 1, {}},
      {"id = :tea AND version > :one", Compare::greater, 1, {}},
      {"id = :tea AND version >= :one", Compare::greater_equal, 1, {}},
      {"id = :tea AND :one < version", Compare::greater, 1, {}},
      {"id = :tea AND :one >= version", Compare::less_equal, 1, {}},
      {"id = :tea AND version BETWEEN :one AND :ten", Compare::between, 1, 10},
      {"version between :one and :ten and id = :tea", Compare::between, 1, 10},
  };
  Request request;
  for (const Case& each : cases) {
    const auto range = request.keys(each.text);
    ASSERT_TRUE(range.has_value()) << each.text << ": " << message(range);
    EXPECT_EQ(range->hash, std::vector{AttributeValue("tea")});
    EXPECT_EQ(range->compare, each.compare) << each.text;
    EXPECT_EQ(range->first, each.first);
    EXPECT_EQ(range->second, each.second);
  }
  TableDefinition by_name = products();
  by_name.range_key = KeyAttribute{"title", KeyType::string};
  UsedSubstitutions used(request.substitutions);
  const auto range = key_range("id = :tea AND begins_with(#t, :green)", used, by_name);
  ASSERT_TRUE(range.has_value()) << message(range);
  EXPECT_EQ(range->compare, Compare::begins_with);
  EXPECT_EQ(range->first, AttributeValue("green"));
}

TEST(KeyConditionTest, RefusesInDynamoDbsWords) {
  const std::pair<std::string_view, std::string_view> cases[] = {
      {"", "Invalid KeyConditionExpression: The expression can not be empty;"},
      {"id = :tea AND id = :tea", "KeyConditionExpressions must only contain one condition per key"},
      {"id = :tea AND version > :one AND version < :ten",
       "KeyConditionExpressions must only contain one condition per key"},
      {"id < :tea", "Query key condition not supported"},
      {"version = :one", "Query condition missed key schema element: id"},
      {"id = :tea AND price = :one", "Query condition missed key schema element: version"},
      {"id = :tea OR version = :one", "Invalid operator used in KeyConditionExpression: OR"},
      {"NOT id = :tea", "Invalid operator used in KeyConditionExpression: NOT"},
      {"id = :tea AND version <> :one", "Invalid operator used in KeyConditionExpression: <>"},
      {"id = :tea AND version IN (:one)", "Invalid operator used in KeyConditionExpression: IN"},
      {"id = :tea AND attribute_exists(version)", "Invalid operator used in KeyConditionExpression: attribute_exists"},
      {"id = :tea AND begins_with(version, :one)",
       "Invalid KeyConditionExpression: Incorrect operand type for operator or function; operator or function: "
       "begins_with, operand type: N"},
      {"id = :one", "One or more parameter values were invalid: Condition parameter type does not match schema type"},
      {"id = :tea AND maker.since = :one", "KeyConditionExpressions cannot have conditions on nested attributes"},
      {"id = :tea AND version = price",
       "Invalid condition in KeyConditionExpression: Multiple attribute names used in one condition"},
      {"id = :tea AND :one = :ten", "Invalid condition in KeyConditionExpression: No key attribute specified"},
      {"id = :tea AND size(version) = :one", "KeyConditionExpressions cannot contain nested operations"},
  };
  Request request;
  for (const auto& [text, expected] : cases) EXPECT_EQ(message(request.keys(text)), expected) << text;
}

TEST(ReservedWordsTest, AreKnownInAnyCase) {
  for (const char* word : {"name", "NAME", "Status", "zone", "abort", "year", "localtimestamp"}) {
    EXPECT_TRUE(is_reserved_word(word)) << word;
  }
  for (const char* word : {"price", "id", "names2", "", "localtimestamps", "productid", "a"}) {
    EXPECT_FALSE(is_reserved_word(word)) << word;
  }
}

TEST(ExpressionCacheTest, SharesOneTreeAmongThreads) {
  const auto first = *parse_condition("price = :shared", "ConditionExpression");
  std::vector<std::thread> threads;
  std::atomic<int> others = 0;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&, t] {
      for (int i = 0; i < 2'000; ++i) {
        const auto again = *parse_condition("price = :shared", "ConditionExpression");
        if (again != first) ++others;
        const auto own = parse_condition(fmt::format("price = :v{}_{}", t, i % 50), "ConditionExpression");
        if (!own) ++others;
      }
    });
  }
  for (auto& thread : threads) thread.join();
  EXPECT_EQ(others, 0);
  EXPECT_NE(*parse_condition("price = :shared", "FilterExpression"), first);
}

TEST(ExpressionCacheTest, ForgetsWhatIsNotUsed) {
  std::weak_ptr<const ConditionExpression> forgotten = *parse_condition("price = :once", "ConditionExpression");
  std::weak_ptr<const ConditionExpression> kept = *parse_condition("price = :often", "ConditionExpression");
  for (size_t i = 0; i < 3 * expression_cache_entries_max; ++i) {
    (void)parse_condition(fmt::format("price = :filler{}", i), "ConditionExpression");
    (void)parse_condition("price = :often", "ConditionExpression");
  }
  EXPECT_TRUE(forgotten.expired());
  EXPECT_FALSE(kept.expired());
}

}  // namespace
}  // namespace millrace::table
