#include "send/series.h"

#include <algorithm>
#include <filesystem>
#include <limits>

namespace millrace::send {

RowSeries::RowSeries(RowOptions options, std::vector<std::string> files, int64_t from_line, InputWaiting waiting)
    : options_(std::move(options)), files_(std::move(files)), from_line_(from_line), waiting_(std::move(waiting)) {
  for (const std::string& file : files_) {
    std::error_code error;
    const bool on_disk = file != "-" && std::filesystem::is_regular_file(file, error);
    sizes_.push_back(on_disk ? static_cast<double>(std::filesystem::file_size(file, error)) : 0);
    size_ += sizes_.back();
    if (!on_disk) size_ = std::numeric_limits<double>::infinity();
  }
}

Result<std::unique_ptr<RowSeries>> RowSeries::open(RowOptions options, std::vector<std::string> files,
                                                   int64_t from_line, InputWaiting waiting) {
  CHECK(!files.empty());
  // A pipe is read only once.
  for (size_t i = 1; i < files.size(); ++i) {
    std::error_code error;
    const auto kind = std::filesystem::status(files[i], error).type();
    if (kind != std::filesystem::file_type::regular && kind != std::filesystem::file_type::not_found) continue;
    if (files[i] == "-") continue;
    options.file = files[i];
    TRY(RowReader::open(options));
  }
  std::unique_ptr<RowSeries> series(new RowSeries(std::move(options), std::move(files), from_line, std::move(waiting)));
  TRY(series->open_file());
  return series;
}

Result<void> RowSeries::open_file() {
  options_.file = files_[file_];
  TRY_ASSIGN(rows_, RowReader::open(options_, waiting_));
  return {};
}

Result<bool> RowSeries::next(SendRow& row) {
  for (;;) {
    auto found = rows_->next(row);
    const bool bad = !found && found.error().kind == ErrorKind::invalid_argument;
    if (file_ == 0 && rows_->line() < from_line_ && (bad || (found && *found))) continue;
    if (!found || *found || file_ + 1 == files_.size()) return found;
    size_before_ += sizes_[file_];
    ++file_;
    auto opened = open_file();
    if (opened) continue;
    // No bad row, behind which one could go on.
    if (opened.error().kind == ErrorKind::invalid_argument) opened.error().kind = ErrorKind::io;
    return std::unexpected(opened.error());
  }
}

double RowSeries::fraction() const {
  return size_ > 0 ? (size_before_ + rows_->fraction() * sizes_[file_]) / size_ : 0;
}

std::optional<EventTime> RowSeries::last_time() const {
  if (sizes_.back() == 0 || options_.time_column.empty()) return std::nullopt;
  RowOptions options = options_;
  options.file = files_.back();
  const auto rows = RowReader::open(options);
  if (!rows) return std::nullopt;
  const auto at_tail = (*rows)->skip_to_tail();
  if (!at_tail || !*at_tail) return std::nullopt;
  std::optional<EventTime> last;
  for (SendRow row;;) {
    const auto found = (*rows)->next(row);
    if (!found && found.error().kind != ErrorKind::invalid_argument) return last;
    if (!found) continue;
    if (!*found) return last;
    last = std::max(last, std::optional(row.time));
  }
}

}  // namespace millrace::send
