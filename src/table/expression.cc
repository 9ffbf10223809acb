// The cache of parsed expressions: by parameter and text, in shards with a lock each. A shard has a young and an old
// half; when the young one is full it becomes the old one, and what is found there is young again. So what is in use
// stays, and nothing is ordered on a hit.

#include "table/expression.h"

#include <array>
#include <mutex>
#include <unordered_map>

#include "base/bytes.h"
#include "table/expression_tree.h"

namespace millrace::table {
namespace {

struct CacheKeyView {
  std::string_view parameter;
  std::string_view text;
};
struct CacheKey {
  std::string parameter;
  std::string text;
};
struct CacheHash {
  using is_transparent = void;
  template <class Key>
  size_t operator()(const Key& key) const {
    return base::hash64(key.text, key.parameter.size());
  }
};
struct CacheEqual {
  using is_transparent = void;
  template <class A, class B>
  bool operator()(const A& a, const B& b) const {
    return std::string_view(a.text) == b.text && std::string_view(a.parameter) == b.parameter;
  }
};

template <class Expression>
class Cache {
 public:
  using Pointer = std::shared_ptr<const Expression>;

  template <class Parse>
  Result<Pointer> find_or_parse(std::string_view parameter, std::string_view text, Parse parse) {
    const CacheKeyView key{parameter, text};
    Shard& shard = shards_[CacheHash()(key) % shards_.size()];
    {
      const std::lock_guard lock(shard.mutex);
      if (Pointer found = shard.find(key)) return found;
    }
    TRY_ASSIGN(Expression parsed, parse());
    auto expression = std::make_shared<const Expression>(std::move(parsed));
    const std::lock_guard lock(shard.mutex);
    shard.insert({std::string(parameter), std::string(text)}, expression);
    return expression;
  }

 private:
  static constexpr size_t shard_count = 16;
  static constexpr size_t half_entries_max = expression_cache_entries_max / shard_count / 2;

  struct Shard {
    using Half = std::unordered_map<CacheKey, Pointer, CacheHash, CacheEqual>;

    Pointer find(const CacheKeyView& key) {
      if (const auto found = young.find(key); found != young.end()) return found->second;
      const auto found = old.find(key);
      if (found == old.end()) return nullptr;
      Pointer expression = found->second;
      auto node = old.extract(found);
      make_room();
      young.insert(std::move(node));
      return expression;
    }
    void insert(CacheKey key, Pointer expression) {
      make_room();
      young.insert_or_assign(std::move(key), std::move(expression));
    }
    void make_room() {
      if (young.size() < half_entries_max) return;
      old = std::move(young);
      young.clear();
    }

    std::mutex mutex;
    Half young;
    Half old;
  };

  std::array<Shard, shard_count> shards_;
};

// Lives as long as the process; expressions are values that any request may share.
template <class Expression>
Cache<Expression>& cache() {
  static Cache<Expression> instance;
  return instance;
}

}  // namespace

Result<std::shared_ptr<const ConditionExpression>> parse_condition(std::string_view text,
                                                                   std::string_view parameter_name) {
  return cache<ConditionExpression>().find_or_parse(parameter_name, text,
                                                    [&] { return parse_condition_text(text, parameter_name); });
}

Result<std::shared_ptr<const UpdateExpression>> parse_update(std::string_view text) {
  return cache<UpdateExpression>().find_or_parse({}, text, [&] { return parse_update_text(text); });
}

Result<std::shared_ptr<const ProjectionExpression>> parse_projection(std::string_view text) {
  return cache<ProjectionExpression>().find_or_parse({}, text, [&] { return parse_projection_text(text); });
}

}  // namespace millrace::table
