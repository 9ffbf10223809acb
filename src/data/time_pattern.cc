#include "data/time_pattern.h"

#include <algorithm>
#include <array>

#include "data/text.h"

namespace millrace::data {

namespace {

constexpr int64_t day_ms = 86'400'000;

constexpr std::array<std::string_view, 12> months = {"January",   "February", "March",    "April",
                                                     "May",       "June",     "July",     "August",
                                                     "September", "October",  "November", "December"};
constexpr std::array<std::string_view, 7> weekdays = {"Monday", "Tuesday",  "Wednesday", "Thursday",
                                                      "Friday", "Saturday", "Sunday"};
constexpr std::array<std::string_view, 2> halves = {"AM", "PM"};
constexpr size_t short_name = 3;

constexpr std::string_view letters_known =
    "there are y and u (year), M (month; MMM and MMMM its name), d (day), E (day of the week), H (hour), h (hour of 1 "
    "to "
    "12), a (AM or PM), m (minute), s (second), S (fraction)";

struct Letter {
  char letter;
  int count_max;
};
constexpr std::array<Letter, 11> letters = {
    {{'y', 9}, {'u', 9}, {'M', 4}, {'d', 2}, {'E', 4}, {'H', 2}, {'h', 2}, {'a', 1}, {'m', 2}, {'s', 2}, {'S', 9}}};

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

void put_number(std::string& out, int64_t value, int width) {
  std::string digits;
  put_int64(digits, value);
  if (digits.size() < static_cast<size_t>(width)) out.append(static_cast<size_t>(width) - digits.size(), '0');
  out += digits;
}

// Monday is 0; 1970 began on a Thursday.
int weekday_of_days(int64_t days) {
  return static_cast<int>(floor_modulo(days + 3, 7));
}

bool shows_name(char letter, int count) {
  return letter == 'E' || letter == 'a' || (letter == 'M' && count >= 3);
}

// Takes the name that `text` begins with; -1: none.
template <size_t n>
int take_name(std::string_view& text, const std::array<std::string_view, n>& names, bool whole) {
  for (size_t i = 0; i < n; ++i) {
    const std::string_view name = whole ? names[i] : names[i].substr(0, short_name);
    if (!text.starts_with(name)) continue;
    text.remove_prefix(name.size());
    return static_cast<int>(i);
  }
  return -1;
}

}  // namespace

struct TimePattern::Fields {
  // A part of the time, which a pattern may have more than once.
  class Part {
   public:
    // False: it was said to be another, which is no time, as for Java.
    bool say(int64_t v) {
      if (said_ && *said_ != v) return false;
      said_ = v;
      return true;
    }
    bool said() const { return said_.has_value(); }
    int64_t or_else(int64_t otherwise) const { return said_.value_or(otherwise); }

   private:
    std::optional<int64_t> said_;
  };

  Part year;
  Part month;
  Part day;
  Part hour;
  Part hour_of_half;
  Part half;
  Part minute;
  Part second;
  Part millisecond;
  Part weekday;

  bool take(char letter, int count, std::string_view& text) {
    return shows_name(letter, count) ? take_word(letter, count, text) : take_number(letter, count, text);
  }

  bool take_word(char letter, int count, std::string_view& text) {
    const bool whole = count == 4 || letter == 'a';
    const int found = letter == 'a'   ? take_name(text, halves, whole)
                      : letter == 'E' ? take_name(text, weekdays, whole)
                                      : take_name(text, months, whole);
    if (found < 0) return false;
    if (letter == 'a') return half.say(found);
    return letter == 'E' ? weekday.say(found) : month.say(found + 1);
  }

  bool take_number(char letter, int count, std::string_view& text) {
    const bool year_letter = letter == 'y' || letter == 'u';
    const int digits_max = count > 1 ? count : year_letter ? 4 : letter == 'S' ? 1 : 2;
    int64_t v = 0;
    int digits = 0;
    for (; digits < digits_max && !text.empty() && text[0] >= '0' && text[0] <= '9'; ++digits) {
      v = v * 10 + (text[0] - '0');
      text.remove_prefix(1);
    }
    if (digits == 0 || (count > 1 && digits != count)) return false;
    switch (letter) {
      case 'y':
      case 'u':
        return year.say(count == 2 ? 2000 + v : v);
      case 'M':
        return month.say(v);
      case 'd':
        return day.say(v);
      case 'H':
        return hour.say(v);
      case 'h':
        return hour_of_half.say(v);
      case 'm':
        return minute.say(v);
      case 's':
        return second.say(v);
      default:
        for (int i = digits; i < 3; ++i) v *= 10;
        for (int i = digits; i > 3; --i) v /= 10;
        return millisecond.say(v);
    }
  }

  std::optional<int64_t> time() const {
    const int64_t y = year.or_else(1970);
    const int64_t m = month.or_else(1);
    const int64_t d = day.or_else(1);
    if (m < 1 || m > 12 || d < 1 || y > 9999 || d > days_of_month(y, static_cast<int>(m))) return std::nullopt;
    int64_t h = hour.or_else(0);
    if (hour_of_half.said()) {
      const int64_t of_half = hour_of_half.or_else(0);
      if (of_half < 1 || of_half > 12) return std::nullopt;
      const int64_t hours = of_half % 12 + half.or_else(0) * 12;
      if (hour.said() && h != hours) return std::nullopt;
      h = hours;
    }
    const int64_t minutes = minute.or_else(0);
    const int64_t seconds = second.or_else(0);
    if (h > 23 || minutes > 59 || seconds > 59) return std::nullopt;
    const int64_t days = days_of_date(y, static_cast<int>(m), static_cast<int>(d));
    const int day_of_week = weekday_of_days(days);
    if (weekday.or_else(day_of_week) != day_of_week) return std::nullopt;
    return days * day_ms + h * 3'600'000 + minutes * 60'000 + seconds * 1000 + millisecond.or_else(0);
  }
};

void TimePattern::add_literal(char c) {
  if (pieces_.empty() || pieces_.back().letter != 0) pieces_.emplace_back();
  pieces_.back().literal += c;
}

Result<TimePattern> TimePattern::make(std::string_view pattern, Use use) {
  const auto bad = [&](std::string_view what) {
    return millrace::fail(ErrorKind::invalid_argument, "in the pattern '{}' {}", pattern, what);
  };
  TimePattern made;
  bool quoted = false;
  bool half_hours = false;
  bool half = false;
  for (size_t at = 0; at < pattern.size();) {
    const char c = pattern[at];
    if (c == '\'') {
      const bool doubled = pattern.substr(at + 1).starts_with('\'');
      if (doubled) {
        made.add_literal('\'');
      } else {
        quoted = !quoted;
      }
      at += doubled ? 2 : 1;
      continue;
    }
    if (quoted || !is_letter(c)) {
      if (!quoted && std::string_view("[]{}#").find(c) != std::string_view::npos) {
        return bad(fmt::format("'{}' has no meaning here; to have it in the text, quote it", c));
      }
      made.add_literal(c);
      ++at;
      continue;
    }
    const size_t end = std::min(pattern.find_first_not_of(c, at), pattern.size());
    const auto count = static_cast<int>(end - at);
    const auto known = std::ranges::find(letters, c, &Letter::letter);
    if (known == letters.end()) {
      return bad(fmt::format("the letter {} has no meaning here; {}; text is quoted", c, letters_known));
    }
    // E, EE and EEE are the same.
    const int shown = c == 'E' ? std::max(count, 3) : count;
    if (count > known->count_max) {
      return bad(fmt::format("{} stands too often; {} is the longest form", pattern.substr(at, end - at),
                             std::string(static_cast<size_t>(known->count_max), c)));
    }
    half_hours |= c == 'h';
    half |= c == 'a';
    made.pieces_.push_back({c, shown, {}});
    at = end;
  }
  if (quoted) return bad("a quote is not closed");
  if (use == Use::parse && half_hours != half) {
    return bad("h, the hour of 1 to 12, needs a, which says AM or PM, and the reverse; H is the hour of 0 to 23");
  }
  return made;
}

void TimePattern::format(std::string& out, int64_t ms) const {
  const int64_t days = floor_divide(ms, day_ms);
  const int64_t rest = ms - days * day_ms;
  const int64_t hour = rest / 3'600'000;
  const Date date = date_of_days(days);
  const auto named = [&](std::string_view name, int count) { out += count == 4 ? name : name.substr(0, short_name); };
  for (const Piece& piece : pieces_) {
    switch (piece.letter) {
      case 0:
        out += piece.literal;
        break;
      case 'y':
      case 'u':
        put_number(out, piece.count == 2 ? date.year % 100 : date.year, piece.count);
        break;
      case 'M':
        if (piece.count >= 3) {
          named(months[static_cast<size_t>(date.month - 1)], piece.count);
        } else {
          put_number(out, date.month, piece.count);
        }
        break;
      case 'd':
        put_number(out, date.day, piece.count);
        break;
      case 'E':
        named(weekdays[static_cast<size_t>(weekday_of_days(days))], piece.count);
        break;
      case 'H':
        put_number(out, hour, piece.count);
        break;
      case 'h':
        put_number(out, (hour + 11) % 12 + 1, piece.count);
        break;
      case 'a':
        out += halves[hour >= 12];
        break;
      case 'm':
        put_number(out, rest / 60'000 % 60, piece.count);
        break;
      case 's':
        put_number(out, rest / 1000 % 60, piece.count);
        break;
      default: {
        std::string fraction;
        put_number(fraction, rest % 1000, 3);
        fraction.resize(static_cast<size_t>(piece.count), '0');
        out += fraction;
      }
    }
  }
}

std::optional<int64_t> TimePattern::parse(std::string_view text) const {
  Fields fields;
  for (const Piece& piece : pieces_) {
    if (piece.letter != 0) {
      if (!fields.take(piece.letter, piece.count, text)) return std::nullopt;
      continue;
    }
    if (!text.starts_with(piece.literal)) return std::nullopt;
    text.remove_prefix(piece.literal.size());
  }
  return text.empty() ? fields.time() : std::nullopt;
}

}  // namespace millrace::data
