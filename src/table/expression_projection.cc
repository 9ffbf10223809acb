#include "table/expression_binding.h"

namespace millrace::table {
namespace {

std::vector<const Path*> pointers(const std::vector<Path>& paths) {
  std::vector<const Path*> out;
  out.reserve(paths.size());
  for (const Path& path : paths) out.push_back(&path);
  return out;
}

}  // namespace

struct BoundProjection::State {
  std::shared_ptr<const ProjectionExpression> projection;
  Bindings bindings;
  std::vector<const Path*> paths;
};

BoundProjection::BoundProjection(std::unique_ptr<State> state) : state_(std::move(state)) {}
BoundProjection::BoundProjection(BoundProjection&&) noexcept = default;
BoundProjection& BoundProjection::operator=(BoundProjection&&) noexcept = default;
BoundProjection::~BoundProjection() = default;

Result<BoundProjection> BoundProjection::bind(std::shared_ptr<const ProjectionExpression> projection,
                                              UsedSubstitutions& substitutions) {
  auto state = std::make_unique<State>();
  TRY(table::bind(state->bindings, *projection, substitutions));
  state->paths = pointers(projection->paths);
  TRY(check_disjoint(*projection, state->paths, state->bindings));
  state->projection = std::move(projection);
  return BoundProjection(std::move(state));
}

Item BoundProjection::project(const Item& item) const {
  return take_paths(item, state_->paths, state_->bindings);
}

Result<std::set<std::string_view>> attributes_of(const ProjectionExpression& projection,
                                                 UsedSubstitutions& substitutions) {
  Bindings bindings;
  TRY(bind(bindings, projection, substitutions));
  std::set<std::string_view> attributes;
  for (const Path& path : projection.paths) attributes.insert(bindings.name(path.front()));
  return attributes;
}

Result<Item> project(const ProjectionExpression& projection, UsedSubstitutions& substitutions, const Item& item) {
  Bindings bindings;
  TRY(bind(bindings, projection, substitutions));
  const auto paths = pointers(projection.paths);
  TRY(check_disjoint(projection, paths, bindings));
  return take_paths(item, paths, bindings);
}

}  // namespace millrace::table
