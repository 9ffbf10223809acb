#include "server.h"

namespace millrace::simulation {

Result<void> Server::open(std::unique_ptr<log::IoDriver> io, const engine::LaneOptions& lane) {
  constexpr size_t segment_bytes = 256 << 10;
  io_ = std::move(io);
  TRY_ASSIGN(streams_,
             stream::Streams::open(
                 {.directory = data_directory + "/streams", .io = io_.get(), .segment_bytes = segment_bytes}));
  TRY_ASSIGN(store_, store::Store::open(
                         {.directory = data_directory + "/tables", .segment_bytes = segment_bytes, .io = io_.get()}));
  TRY_ASSIGN(tables_, table::Tables::open(*store_, clock()));
  engine::Jobs::Options options;
  options.lane = lane;
  TRY_ASSIGN(jobs_, engine::Jobs::open(*this, options));
  return {};
}

Server::~Server() {
  if (jobs_) jobs_->close();
  jobs_.reset();
  streams_.reset();
  tables_.reset();
  store_.reset();
}

Result<engine::Environment::Stream> Server::stream(std::string_view name) {
  const stream::StreamPtr found = streams_->find(name);
  if (!found || found->log() == nullptr) return millrace::fail(ErrorKind::not_found, "no stream {}", name);
  return Stream{found->id, found->log(), found->shard_count(), found};
}

}  // namespace millrace::simulation
