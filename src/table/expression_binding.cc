#include "table/expression_binding.h"

#include <algorithm>
#include <map>

#include "table/table.h"

namespace millrace::table {
namespace {

// The elements of a list that a projection takes come out without gaps, in the list's order.
struct TakenList {
  std::map<uint32_t, const AttributeValue*> whole;
  std::map<uint32_t, std::vector<const Path*>> parts;
};

AttributeValue take(const AttributeValue& value, const std::vector<const Path*>& paths, size_t depth,
                    const Bindings& bindings, bool& any);

Map take_from_map(const Map& map, const std::vector<const Path*>& paths, size_t depth, const Bindings& bindings) {
  Map out;
  std::map<std::string_view, std::vector<const Path*>> deeper;
  for (const Path* path : paths) {
    const PathStep& step = (*path)[depth];
    if (step.kind == PathStep::Kind::index) continue;
    const std::string_view name = bindings.name(step);
    if (path->size() > depth + 1) {
      deeper[name].push_back(path);
      continue;
    }
    const auto found = map.find(name);
    if (found != map.end()) out.insert(*found);
  }
  for (const auto& [name, inner] : deeper) {
    const auto found = map.find(name);
    if (found == map.end()) continue;
    bool any = false;
    AttributeValue taken = take(found->second, inner, depth + 1, bindings, any);
    if (any) out.insert_or_assign(std::string(name), std::move(taken));
  }
  return out;
}

List take_from_list(const List& list, const std::vector<const Path*>& paths, size_t depth, const Bindings& bindings) {
  TakenList taken;
  for (const Path* path : paths) {
    const PathStep& step = (*path)[depth];
    if (step.kind != PathStep::Kind::index || step.number >= list.size()) continue;
    if (path->size() > depth + 1) {
      taken.parts[step.number].push_back(path);
    } else {
      taken.whole[step.number] = &list[step.number];
    }
  }
  std::map<uint32_t, AttributeValue> elements;
  for (const auto& [index, element] : taken.whole) elements.emplace(index, *element);
  for (const auto& [index, inner] : taken.parts) {
    bool any = false;
    AttributeValue element = take(list[index], inner, depth + 1, bindings, any);
    if (any) elements.emplace(index, std::move(element));
  }
  List out;
  for (auto& [index, element] : elements) out.push_back(std::move(element));
  return out;
}

AttributeValue take(const AttributeValue& value, const std::vector<const Path*>& paths, size_t depth,
                    const Bindings& bindings, bool& any) {
  if (const auto* map = std::get_if<Map>(&value.value)) {
    Map taken = take_from_map(*map, paths, depth, bindings);
    any = !taken.empty();
    return taken;
  }
  if (const auto* list = std::get_if<List>(&value.value)) {
    List taken = take_from_list(*list, paths, depth, bindings);
    any = !taken.empty();
    return taken;
  }
  return {};
}

bool same_step(const PathStep& a, const PathStep& b, const Bindings& bindings) {
  const bool a_index = a.kind == PathStep::Kind::index;
  const bool b_index = b.kind == PathStep::Kind::index;
  if (a_index != b_index) return false;
  return a_index ? a.number == b.number : bindings.name(a) == bindings.name(b);
}

}  // namespace

Result<std::string_view> UsedSubstitutions::name(std::string_view placeholder) {
  const auto found = all_.names.find(placeholder);
  if (found == all_.names.end()) {
    return fail(ErrorKind::invalid_argument,
                "An expression attribute name used in the document path is not defined; attribute name: {}",
                placeholder);
  }
  if (std::ranges::find(names_, placeholder) == names_.end()) names_.push_back(found->first);
  return found->second;
}

Result<const AttributeValue*> UsedSubstitutions::value(std::string_view placeholder) {
  const auto found = all_.values.find(placeholder);
  if (found == all_.values.end()) {
    return fail(ErrorKind::invalid_argument,
                "An expression attribute value used in expression is not defined; attribute value: {}", placeholder);
  }
  if (std::ranges::find(values_, placeholder) == values_.end()) values_.push_back(found->first);
  return &found->second;
}

Result<void> UsedSubstitutions::check_all_used() const {
  const auto check = [](std::string_view parameter, const auto& all, const auto& used) -> Result<void> {
    if (all.size() == used.size()) return {};
    std::string unused;
    for (const auto& [placeholder, value] : all) {
      if (std::ranges::find(used, placeholder) != used.end()) continue;
      if (!unused.empty()) unused.append(", ");
      unused.append(placeholder);
    }
    return fail(ErrorKind::invalid_argument, "Value provided in {} unused in expressions: keys: {{{}}}", parameter,
                unused);
  };
  TRY(check("ExpressionAttributeNames", all_.names, names_));
  return check("ExpressionAttributeValues", all_.values, values_);
}

std::unexpected<Error> refuse(const ParsedExpression& expression, std::string_view what) {
  return fail(ErrorKind::invalid_argument, "Invalid {}: {}", expression.parameter, what);
}

Result<void> bind(Bindings& bindings, const ParsedExpression& expression, UsedSubstitutions& substitutions) {
  for (const auto& placeholder : expression.names) {
    auto name = substitutions.name(placeholder);
    if (!name) return refuse(expression, name.error().message);
    bindings.names.push_back(*name);
  }
  for (const auto& placeholder : expression.values) {
    auto value = substitutions.value(placeholder);
    if (!value) return refuse(expression, value.error().message);
    bindings.values.push_back(*value);
  }
  return {};
}

const AttributeValue* step_into(const AttributeValue& value, const PathStep& step, const Bindings& bindings) {
  if (step.kind == PathStep::Kind::index) {
    const auto* list = std::get_if<List>(&value.value);
    return list != nullptr && step.number < list->size() ? &(*list)[step.number] : nullptr;
  }
  const auto* map = std::get_if<Map>(&value.value);
  if (map == nullptr) return nullptr;
  const auto found = map->find(bindings.name(step));
  return found == map->end() ? nullptr : &found->second;
}

const AttributeValue* find(const Item& item, const Path& path, const Bindings& bindings) {
  const auto found = item.find(bindings.name(path.front()));
  if (found == item.end()) return nullptr;
  const AttributeValue* value = &found->second;
  for (size_t i = 1; i < path.size() && value != nullptr; ++i) value = step_into(*value, path[i], bindings);
  return value;
}

std::string path_text(const Path& path, const Bindings& bindings) {
  std::string out = "[";
  for (const PathStep& step : path) {
    if (out.size() > 1) out.append(", ");
    if (step.kind == PathStep::Kind::index) {
      fmt::format_to(std::back_inserter(out), "[{}]", step.number);
    } else {
      out.append(bindings.name(step));
    }
  }
  out.push_back(']');
  return out;
}

std::strong_ordering compare(const Path& a, const Path& b, const Bindings& bindings) {
  const size_t common = std::min(a.size(), b.size());
  for (size_t i = 0; i < common; ++i) {
    const bool a_index = a[i].kind == PathStep::Kind::index;
    const bool b_index = b[i].kind == PathStep::Kind::index;
    if (a_index != b_index) return a_index <=> b_index;
    const auto order = a_index ? a[i].number <=> b[i].number : bindings.name(a[i]) <=> bindings.name(b[i]);
    if (order != 0) return order;
  }
  return a.size() <=> b.size();
}

Result<void> check_disjoint(const ParsedExpression& expression, const std::vector<const Path*>& paths,
                            const Bindings& bindings) {
  if (paths.size() < 2) return {};
  // In order, whatever overlaps or conflicts has a neighbour that does.
  auto sorted = paths;
  std::ranges::stable_sort(sorted, [&](const Path* a, const Path* b) { return compare(*a, *b, bindings) < 0; });
  for (size_t i = 1; i < sorted.size(); ++i) {
    const Path& a = *sorted[i - 1];
    const Path& b = *sorted[i];
    size_t common = 0;
    while (common < a.size() && common < b.size() && same_step(a[common], b[common], bindings)) ++common;
    const bool overlap = common == a.size();  // the shorter one comes first
    const bool conflict = !overlap && common > 0 && common < b.size() &&
                          (a[common].kind == PathStep::Kind::index) != (b[common].kind == PathStep::Kind::index);
    if (overlap || conflict) {
      return refuse(expression,
                    fmt::format("Two document paths {} with each other; must remove or rewrite one of "
                                "these paths; path one: {}, path two: {}",
                                overlap ? "overlap" : "conflict", path_text(a, bindings), path_text(b, bindings)));
    }
  }
  return {};
}

Item take_paths(const Item& item, const std::vector<const Path*>& paths, const Bindings& bindings) {
  return take_from_map(item, paths, 0, bindings);
}

}  // namespace millrace::table
