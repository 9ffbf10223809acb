#pragma once
// Text for Prometheus, in its exposition format 0.0.4.
// https://prometheus.io/docs/instrumenting/exposition_formats/
//
// Labels are names of streams, jobs, mappings and functions, whose number is bounded: never a product or a visitor.
// One thread at a time.

#include <array>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>

namespace millrace::page {

class MetricsText {
 public:
  enum class Type { counter, gauge, histogram };
  using Labels = std::initializer_list<std::pair<std::string_view, std::string_view>>;

  // Begins a family: its samples follow, before the next family begins.
  void family(std::string_view name, Type type, std::string_view help);
  void sample(double value) { sample({}, value); }
  void sample(Labels labels, double value);

  // Upper bounds in seconds, and for each the count of observations up to it; the last count is of all.
  template <size_t n>
  void histogram(const std::array<double, n>& bounds, const std::array<uint64_t, n + 1>& cumulative, double sum) {
    for (size_t i = 0; i < n; ++i) bucket(bounds[i], cumulative[i]);
    last_bucket(cumulative[n], sum);
  }

  std::string take() { return std::move(text_); }

 private:
  void line(std::string_view suffix, Labels labels, double value);
  void bucket(double bound, uint64_t count);
  void last_bucket(uint64_t count, double sum);

  std::string text_;
  std::string name_;
};

}  // namespace millrace::page
