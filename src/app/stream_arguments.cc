#include "app/stream_arguments.h"

namespace millrace::app {

void StreamCommand::add_to(CLI::App& app) {
  using Action = StreamOptions::Action;
  auto* command =
      app.add_subcommand("stream", "List and describe streams of a running server, and watch their records");
  command->footer(
      "Examples:\n  millrace stream\n  millrace stream tail clicks --match '\"product\":\"p1\"'\n"
      "  millrace stream tail clicks --from oldest --no-follow --json > clicks.ndjson");
  command->require_subcommand(0, 1);
  add_options(*command, Action::list);
  add_options(*command->add_subcommand("list", "State, mode, shards and retention (the default)"), Action::list);
  add_options(*command->add_subcommand("describe", "The shards of one"), Action::describe);
  add_options(*command->add_subcommand("tail", "Print records as they come, until Ctrl-C"), Action::tail);
}

void StreamCommand::add_options(CLI::App& command, StreamOptions::Action action) {
  if (command.get_parent()->get_parent()) command.footer("");
  endpoint_.add_to(command);
  command.add_flag("--json", options_.json, action == StreamOptions::Action::tail ? "A JSON object a line" : "As JSON");
  if (action == StreamOptions::Action::list) return;
  command.add_option("NAME", options_.name, "The stream")->required();
  command.callback([this, action] { options_.action = action; });
  if (action != StreamOptions::Action::tail) return;
  command.footer(
      "Records of a key come in their order; those of different shards as they are read. A shard that was split or\n"
      "merged is followed by its children. With --json data that are no UTF-8 come as base64.");
  command.add_option("--from", options_.from, "latest, oldest, or a time: what arrived then or later")
      ->capture_default_str();
  command.add_option("--shard", options_.shards, "Only this shard (and its children); may come again")
      ->allow_extra_args(false);
  command.add_option("--key", options_.key, "Only records with this partition key");
  command.add_option("--match", options_.match, "Only records with this text in their data");
  command.add_option("--limit", options_.limit, "End after so many records")->check(CLI::PositiveNumber);
  command.add_flag("--no-follow", no_follow_, "End when all that is there has been read");
}

int StreamCommand::run() {
  auto server = endpoint_.endpoint();
  if (!server) return refuse(server.error().within("--endpoint").message);
  options_.endpoint = *server;
  options_.follow = !no_follow_;
  return run_stream(options_);
}

}  // namespace millrace::app
