#include "send/time.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <chrono>
#include <cmath>

namespace millrace::send {

namespace {

// The unit of a number by its digits: each has those of the years up to 5138 that the one before it has too many for.
constexpr size_t seconds_digits_max = 11;
constexpr size_t milliseconds_digits_max = 14;
constexpr size_t microseconds_digits_max = 17;
constexpr size_t nanoseconds_digits_max = 19;

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

class Reader {
 public:
  explicit Reader(std::string_view text) : text_(text) {}

  bool take(char c) {
    if (text_.empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  // Exactly that many digits; -1 if they are not there.
  int digits(size_t count) {
    if (text_.size() < count) return -1;
    int value = 0;
    for (size_t i = 0; i < count; ++i) {
      if (!is_digit(text_[i])) return -1;
      value = value * 10 + (text_[i] - '0');
    }
    text_.remove_prefix(count);
    return value;
  }
  // ".5", ",250": milliseconds; digits beyond the third are cut.
  std::optional<int> fraction_ms() {
    if (!take('.') && !take(',')) return 0;
    int value = 0;
    int count = 0;
    for (; !text_.empty() && is_digit(text_.front()); text_.remove_prefix(1)) {
      if (count++ < 3) value = value * 10 + (text_.front() - '0');
    }
    if (count == 0) return std::nullopt;
    for (; count < 3; ++count) value *= 10;
    return value;
  }
  // "", "Z", " UTC", "+02:00", "-0530": minutes east of Greenwich.
  std::optional<int> zone_minutes() {
    take(' ');
    if (text_.empty() || text_ == "Z" || text_ == "z" || text_ == "UTC" || text_ == "GMT") return 0;
    const bool west = text_.front() == '-';
    if (!take('+') && !take('-')) return std::nullopt;
    const int hours = digits(2);
    take(':');
    const int minutes = text_.empty() ? 0 : digits(2);
    if (hours < 0 || hours > 18 || minutes < 0 || minutes > 59 || !text_.empty()) return std::nullopt;
    return (west ? -1 : 1) * (hours * 60 + minutes);
  }
  bool done() const { return text_.empty(); }

 private:
  std::string_view text_;
};

std::optional<EventTime> parse_epoch(std::string_view text) {
  if (text.find_first_of("eE") != std::string_view::npos) {
    double number = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), number);
    if (error != std::errc() || end != text.data() + text.size() || !(std::abs(number) < 1e19)) return std::nullopt;
    return parse_epoch(fmt::format("{:.3f}", number));
  }
  const size_t point = std::min(text.find('.'), text.size());
  const std::string_view whole = text.substr(0, point);
  const std::string_view digits = whole.starts_with('-') ? whole.substr(1) : whole;
  if (digits.empty() || digits.size() > nanoseconds_digits_max) return std::nullopt;
  int64_t value = 0;
  const auto [end, error] = std::from_chars(whole.data(), whole.data() + whole.size(), value);
  if (error != std::errc() || end != whole.data() + whole.size()) return std::nullopt;
  Reader rest(text.substr(point));
  const auto fraction_ms = rest.fraction_ms();
  if (!fraction_ms || !rest.done()) return std::nullopt;
  if (digits.size() > microseconds_digits_max) return EventTime(value / 1'000'000);
  if (digits.size() > milliseconds_digits_max) return EventTime(value / 1'000);
  if (digits.size() > seconds_digits_max) return EventTime(value);
  return EventTime(value * 1000 + (whole.starts_with('-') ? -*fraction_ms : *fraction_ms));
}

}  // namespace

std::optional<EventTime> parse_time(std::string_view text) {
  while (text.starts_with(' ')) text.remove_prefix(1);
  while (text.ends_with(' ')) text.remove_suffix(1);
  if (text.size() < 5 || text[4] != '-') return parse_epoch(text);

  Reader reader(text);
  const int year = reader.digits(4);
  if (year < 0 || !reader.take('-')) return std::nullopt;
  const int month = reader.digits(2);
  if (month < 0 || !reader.take('-')) return std::nullopt;
  const int day = reader.digits(2);
  const std::chrono::year_month_day date{std::chrono::year(year), std::chrono::month(static_cast<unsigned>(month)),
                                         std::chrono::day(static_cast<unsigned>(day))};
  if (day < 0 || !date.ok()) return std::nullopt;
  int64_t ms = std::chrono::sys_days(date).time_since_epoch().count() * int64_t{86'400'000};
  if (reader.done()) return EventTime(ms);

  if (!reader.take('T') && !reader.take(' ') && !reader.take('t')) return std::nullopt;
  const int hour = reader.digits(2);
  if (hour < 0 || hour > 23 || !reader.take(':')) return std::nullopt;
  const int minute = reader.digits(2);
  if (minute < 0 || minute > 59) return std::nullopt;
  int second = 0;
  std::optional<int> fraction_ms = 0;
  if (reader.take(':')) {
    second = reader.digits(2);
    fraction_ms = reader.fraction_ms();
    if (second < 0 || second > 59 || !fraction_ms) return std::nullopt;
  }
  const auto zone = reader.zone_minutes();
  if (!zone) return std::nullopt;
  ms += ((hour * 60 + minute - *zone) * int64_t{60} + second) * 1000 + *fraction_ms;
  return EventTime(ms);
}

Result<double> parse_speed(std::string_view text) {
  if (text == "max") return 0.0;
  double speed = 0;
  const std::string_view number = text.ends_with('x') ? text.substr(0, text.size() - 1) : text;
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), speed);
  if (error != std::errc() || end != number.data() + number.size() || !std::isfinite(speed) || speed <= 0) {
    return fail(ErrorKind::invalid_argument, "`{}` is not a speed; write 1x, 100x, 0.5x or max", text);
  }
  return speed;
}

}  // namespace millrace::send
