#include <algorithm>
#include <array>

#include "table/expression_binding.h"
#include "table/table.h"

namespace millrace::table {
namespace {

using Action = UpdateAction;

std::unexpected<Error> wrong_type_in_item() {
  return fail(ErrorKind::invalid_argument, "An operand in the update expression has an incorrect data type");
}

std::unexpected<Error> no_such_place() {
  return fail(ErrorKind::invalid_argument, "The document path provided in the update expression is invalid for update");
}

// The names that messages about ADD and DELETE use for types.
std::string_view long_type_name(const AttributeValue& value) {
  static constexpr std::array<std::string_view, 10> names = {
      "NULL", "BOOLEAN", "NUMBER", "STRING", "BINARY", "LIST", "MAP", "STRING_SET", "NUMBER_SET", "BINARY_SET"};
  return names[value.value.index()];
}

bool is_set(const AttributeValue& value) {
  return std::holds_alternative<StringSet>(value.value) || std::holds_alternative<NumberSet>(value.value) ||
         std::holds_alternative<BinarySet>(value.value);
}

class Updater {
 public:
  Updater(const UpdateExpression& update, const Bindings& bindings, const Item* old)
      : update_(update), bindings_(bindings), old_(old) {}

  Result<void> check(const TableDefinition& table) const {
    std::vector<const Path*> paths;
    paths.reserve(update_.actions.size());
    for (const Action& action : update_.actions) {
      paths.push_back(&action.path);
      TRY(check_key(table, action.path));
      TRY(check_literals(action));
    }
    return check_disjoint(update_, paths, bindings_);
  }

  // Values are read from the old item, so the order of actions does not matter to them; it matters inside lists: new
  // elements are appended in the order of their indexes, and removals go from the end so that indexes stay true.
  Result<void> run(Item& item) const {
    std::vector<const Action*> sets;
    std::vector<const Action*> removals;
    for (const Action& action : update_.actions) {
      if (action.kind == Action::Kind::set) sets.push_back(&action);
      if (action.kind == Action::Kind::remove) removals.push_back(&action);
    }
    const auto by_path = [&](const Action* a, const Action* b) { return compare(a->path, b->path, bindings_) < 0; };
    if (sets.size() > 1) std::ranges::sort(sets, by_path);
    for (const Action* action : sets) {
      TRY_ASSIGN(AttributeValue value, value_of(action->value));
      TRY(put(item, action->path, std::move(value)));
    }
    for (const Action& action : update_.actions) {
      if (action.kind == Action::Kind::add) TRY(add(item, action));
      if (action.kind == Action::Kind::erase) {
        TRY_ASSIGN(const bool emptied, erase_elements(item, action));
        if (emptied) removals.push_back(&action);
      }
    }
    if (removals.size() > 1) std::ranges::sort(removals, by_path);
    for (auto action = removals.rbegin(); action != removals.rend(); ++action) TRY(remove(item, (*action)->path));
    return {};
  }

 private:
  const AttributeValue& literal(const Operand& operand) const { return *bindings_.values[operand.value]; }

  Result<void> check_key(const TableDefinition& table, const Path& path) const {
    const std::string_view name = bindings_.name(path.front());
    if (name == table.hash_key.name || (table.range_key && name == table.range_key->name)) {
      return fail(ErrorKind::invalid_argument,
                  "One or more parameter values were invalid: Cannot update attribute {}. This attribute is part of "
                  "the key",
                  name);
    }
    return {};
  }

  Result<void> check_literals(const Action& action) const {
    switch (action.kind) {
      case Action::Kind::remove:
        return {};
      case Action::Kind::set:
        return check_literals(action.value);
      case Action::Kind::add: {
        const AttributeValue& value = literal(action.value);
        if (value.number() != nullptr || is_set(value)) return {};
        return wrong_operand("ADD", value);
      }
      case Action::Kind::erase: {
        const AttributeValue& value = literal(action.value);
        if (is_set(value)) return {};
        return wrong_operand("DELETE", value);
      }
    }
    return {};
  }

  std::unexpected<Error> wrong_operand(std::string_view action, const AttributeValue& value) const {
    return refuse(update_, fmt::format("Incorrect operand type for operator or function; operator: {}, operand type: "
                                       "{}, typeSet: ALLOWED_FOR_{}_OPERAND",
                                       action, long_type_name(value), action));
  }

  Result<void> check_literals(const Operand& operand) const {
    for (const Operand& inner : operand.operands) TRY(check_literals(inner));
    const bool is_sum = operand.kind == Operand::Kind::plus || operand.kind == Operand::Kind::minus;
    if (!is_sum && operand.kind != Operand::Kind::list_append) return {};
    for (const Operand& inner : operand.operands) {
      if (inner.kind != Operand::Kind::value) continue;
      const AttributeValue& value = literal(inner);
      const bool right = is_sum ? value.number() != nullptr : std::holds_alternative<List>(value.value);
      if (!right) {
        const std::string_view operation = !is_sum ? "list_append" : operand.kind == Operand::Kind::plus ? "+" : "-";
        return refuse(update_, fmt::format("Incorrect operand type for operator or function; operator or function: {}, "
                                           "operand type: {}",
                                           operation, value.type_name()));
      }
    }
    return {};
  }

  // ---- reading

  const AttributeValue* find_old(const Path& path) const {
    return old_ == nullptr ? nullptr : find(*old_, path, bindings_);
  }

  // What an operand is without a copy; null: it must be computed (or is not there).
  const AttributeValue* pointer_to(const Operand& operand) const {
    switch (operand.kind) {
      case Operand::Kind::value:
        return &literal(operand);
      case Operand::Kind::path:
        return find_old(operand.path);
      case Operand::Kind::if_not_exists: {
        const AttributeValue* found = find_old(operand.path);
        return found != nullptr ? found : pointer_to(operand.operands.front());
      }
      default:
        return nullptr;
    }
  }

  Result<AttributeValue> value_of(const Operand& operand) const {
    if (const AttributeValue* value = pointer_to(operand)) return *value;
    switch (operand.kind) {
      case Operand::Kind::if_not_exists:
        return value_of(operand.operands.front());
      case Operand::Kind::plus:
      case Operand::Kind::minus:
        return sum(operand);
      case Operand::Kind::list_append:
        return appended(operand);
      default:
        return fail(ErrorKind::invalid_argument,
                    "The provided expression refers to an attribute that does not exist in the item");
    }
  }

  Result<AttributeValue> sum(const Operand& operand) const {
    std::array<Number, 2> numbers;
    for (size_t i = 0; i < numbers.size(); ++i) {
      TRY_ASSIGN(const AttributeValue value, value_of(operand.operands[i]));
      if (value.number() == nullptr) return wrong_type_in_item();
      numbers[i] = *value.number();
    }
    TRY_ASSIGN(const Number result,
               operand.kind == Operand::Kind::plus ? numbers[0].plus(numbers[1]) : numbers[0].minus(numbers[1]));
    return AttributeValue(result);
  }

  Result<AttributeValue> appended(const Operand& operand) const {
    TRY_ASSIGN(AttributeValue first, value_of(operand.operands[0]));
    TRY_ASSIGN(AttributeValue second, value_of(operand.operands[1]));
    auto* list = std::get_if<List>(&first.value);
    auto* rest = std::get_if<List>(&second.value);
    if (list == nullptr || rest == nullptr) return wrong_type_in_item();
    list->insert(list->end(), std::make_move_iterator(rest->begin()), std::make_move_iterator(rest->end()));
    return first;
  }

  // ---- writing

  // What holds the path's last step; null: the item has no such place. For a path of one step that is the item itself,
  // which the callers see to.
  AttributeValue* parent_of(Item& item, const Path& path) const {
    const auto found = item.find(bindings_.name(path.front()));
    if (found == item.end()) return nullptr;
    AttributeValue* value = &found->second;
    for (size_t i = 1; i + 1 < path.size() && value != nullptr; ++i) {
      value = const_cast<AttributeValue*>(step_into(*value, path[i], bindings_));
    }
    return value;
  }

  Result<void> put(Item& item, const Path& path, AttributeValue value) const {
    const PathStep& last = path.back();
    if (path.size() == 1) {
      item.insert_or_assign(std::string(bindings_.name(last)), std::move(value));
      return {};
    }
    AttributeValue* parent = parent_of(item, path);
    if (parent == nullptr) return no_such_place();
    if (last.kind == PathStep::Kind::index) {
      auto* list = std::get_if<List>(&parent->value);
      if (list == nullptr) return no_such_place();
      if (last.number < list->size()) {
        (*list)[last.number] = std::move(value);
      } else {
        list->push_back(std::move(value));
      }
      return {};
    }
    auto* map = std::get_if<Map>(&parent->value);
    if (map == nullptr) return no_such_place();
    map->insert_or_assign(std::string(bindings_.name(last)), std::move(value));
    return {};
  }

  static void erase_name(Map& map, std::string_view name) {
    const auto found = map.find(name);
    if (found != map.end()) map.erase(found);
  }

  Result<void> remove(Item& item, const Path& path) const {
    const PathStep& last = path.back();
    if (path.size() == 1) {
      erase_name(item, bindings_.name(last));
      return {};
    }
    AttributeValue* parent = parent_of(item, path);
    if (parent == nullptr) return no_such_place();
    if (last.kind == PathStep::Kind::index) {
      auto* list = std::get_if<List>(&parent->value);
      if (list == nullptr) return no_such_place();
      if (last.number < list->size()) list->erase(list->begin() + last.number);
      return {};
    }
    auto* map = std::get_if<Map>(&parent->value);
    if (map == nullptr) return no_such_place();
    erase_name(*map, bindings_.name(last));
    return {};
  }

  Result<void> add(Item& item, const Action& action) const {
    const AttributeValue& value = literal(action.value);
    const AttributeValue* old = find_old(action.path);
    if (old == nullptr) return put(item, action.path, value);
    if (old->value.index() != value.value.index()) return wrong_type_in_item();
    if (value.number() != nullptr) {
      TRY_ASSIGN(const Number sum, old->number()->plus(*value.number()));
      return put(item, action.path, sum);
    }
    AttributeValue united = *old;
    std::visit(
        [&](auto& set) {
          using Set = std::remove_cvref_t<decltype(set)>;
          if constexpr (requires { typename Set::key_compare; } && !std::is_same_v<Set, Map>) {
            const auto& more = std::get<Set>(value.value);
            set.insert(more.begin(), more.end());
          }
        },
        united.value);
    return put(item, action.path, std::move(united));
  }

  // True: the set has no element left. There are no empty sets, so the attribute is to be removed.
  Result<bool> erase_elements(Item& item, const Action& action) const {
    const AttributeValue& value = literal(action.value);
    const AttributeValue* old = find_old(action.path);
    if (old == nullptr) return false;
    if (old->value.index() != value.value.index()) return wrong_type_in_item();
    AttributeValue rest = *old;
    bool empty = false;
    std::visit(
        [&](auto& set) {
          using Set = std::remove_cvref_t<decltype(set)>;
          if constexpr (requires { typename Set::key_compare; } && !std::is_same_v<Set, Map>) {
            for (const auto& element : std::get<Set>(value.value)) set.erase(element);
            empty = set.empty();
          }
        },
        rest.value);
    if (!empty) TRY(put(item, action.path, std::move(rest)));
    return empty;
  }

  const UpdateExpression& update_;
  const Bindings& bindings_;
  const Item* old_;
};

}  // namespace

struct BoundUpdate::State {
  std::shared_ptr<const UpdateExpression> update;
  Bindings bindings;
};

BoundUpdate::BoundUpdate(std::unique_ptr<State> state) : state_(std::move(state)) {}
BoundUpdate::BoundUpdate(BoundUpdate&&) noexcept = default;
BoundUpdate& BoundUpdate::operator=(BoundUpdate&&) noexcept = default;
BoundUpdate::~BoundUpdate() = default;

Result<BoundUpdate> BoundUpdate::bind(std::shared_ptr<const UpdateExpression> update, UsedSubstitutions& substitutions,
                                      const TableDefinition& table) {
  auto state = std::make_unique<State>();
  TRY(table::bind(state->bindings, *update, substitutions));
  TRY(Updater(*update, state->bindings, nullptr).check(table));
  state->update = std::move(update);
  return BoundUpdate(std::move(state));
}

Result<Item> BoundUpdate::apply(const Item& key, const Item* old) const {
  const Item& before = old == nullptr ? key : *old;
  Item item = before;
  TRY(Updater(*state_->update, state_->bindings, &before).run(item));
  return item;
}

bool BoundUpdate::only_takes_away() const {
  return std::ranges::all_of(state_->update->actions, [](const Action& action) {
    return action.kind == Action::Kind::remove || action.kind == Action::Kind::erase;
  });
}

Item BoundUpdate::project(const Item& item) const {
  std::vector<const Path*> paths;
  for (const Action& action : state_->update->actions) paths.push_back(&action.path);
  return take_paths(item, paths, state_->bindings);
}

}  // namespace millrace::table
