#include "server.h"

#include "base/file.h"

namespace millrace::simulation {

Result<void> Server::open(std::unique_ptr<log::IoDriver> io, const engine::LaneOptions& lane) {
  constexpr size_t segment_bytes = 256 << 10;
  io_ = std::move(io);
  TRY(base::make_directories(data_directory));
  TRY_ASSIGN(streams_,
             stream::Streams::open(
                 {.directory = data_directory + "/streams", .io = io_.get(), .segment_bytes = segment_bytes}));
  TRY_ASSIGN(store_, store::Store::open(
                         {.directory = data_directory + "/tables", .segment_bytes = segment_bytes, .io = io_.get()}));
  TRY_ASSIGN(tables_, table::Tables::open(*store_, clock()));
  io_of_jobs_.emplace(*streams_, *tables_);
  engine::Jobs::Options options;
  options.lane = lane;
  TRY_ASSIGN(jobs_, engine::Jobs::open(*this, options));
  return {};
}

Server::~Server() {
  if (jobs_) jobs_->close();
  jobs_.reset();
  io_of_jobs_.reset();
  streams_.reset();
  tables_.reset();
  store_.reset();
}

}  // namespace millrace::simulation
