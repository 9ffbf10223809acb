#include "app/table_arguments.h"

#include "base/stop_signals.h"
#include "send/csv.h"

namespace millrace::app {

void TableCommand::add_to(CLI::App& app) {
  using Action = TableOptions::Action;
  auto* command = app.add_subcommand("table", "Tables of a running server: list, read, write, import, export");
  command->footer(
      "Examples:\n  millrace table\n  millrace table import catalog.csv.gz --table Products --hash id --number "
      "price,stock\n"
      "  millrace table get Products id=p1\n  millrace table export Products > products.ndjson");
  command->require_subcommand(0, 1);
  add_action(*command, Action::list).add_flag("--json", options_.json, "The descriptions as JSON");
  add_action(*command->add_subcommand("list", "State, items, indexes and keys (the default)"), Action::list)
      .add_flag("--json", options_.json, "The descriptions as JSON");
  add_named(*command->add_subcommand("describe", "All facts of one, as JSON"), Action::describe);
  add_keyed(*command->add_subcommand("get", "Print an item"), Action::get);
  add_named(*command->add_subcommand("put", "Put items, each a JSON object"), Action::put)
      .add_option("ITEM", options_.items, R"(Such as '{"id":"p1","price":12.9}')")
      ->required();
  add_keyed(*command->add_subcommand("delete", "Delete an item, and print it"), Action::remove);
  auto& exported = add_named(*command->add_subcommand("export", "Print all items, one a line"), Action::export_items);
  add_typed(exported);
  exported.add_option("--columns", options_.columns, "As CSV with these attributes, as id,name,price")
      ->delimiter(',')
      ->allow_extra_args(false);
  add_import(*command->add_subcommand("import", "Put the rows of CSV or NDJSON files (gzip and zstd too)"));
}

CLI::App& TableCommand::add_action(CLI::App& command, TableOptions::Action action) {
  if (command.get_parent()->get_parent()) {
    command.footer("");
    command.callback([this, action] { options_.action = action; });
  }
  endpoint_.add_to(command);
  return command;
}

CLI::App& TableCommand::add_named(CLI::App& command, TableOptions::Action action) {
  add_action(command, action).add_option("NAME", options_.name, "The table")->required();
  return command;
}

void TableCommand::add_keyed(CLI::App& command, TableOptions::Action action) {
  add_named(command, action)
      .add_option("KEY", options_.key, "Each part of its key, as id=p1; the table says what is a number")
      ->required();
  add_typed(command);
}

void TableCommand::add_typed(CLI::App& command) {
  command.add_flag("--dynamodb-json", options_.typed,
                   R"(With types, as {"Item":{"id":{"S":"p1"}}}: sets and bytes stay what they are)");
}

void TableCommand::add_import(CLI::App& command) {
  command.callback([this] { imports_ = true; });
  command.footer(
      "The first row of a CSV names the attributes; its fields are texts, but for --number and for keys of type N, "
      "and\n"
      "empty ones are left out. A line of JSON is an item: plain, or as `millrace table export --dynamodb-json` and\n"
      "DynamoDB's exports write it. Of rows with the same key the last one stays, and to put one again does no "
      "harm.");
  endpoint_.add_to(command);
  command
      .add_option("--file,files", import_.files,
                  "The file, or several, which are put in this order; - is the standard input")
      ->required();
  command.add_option("--table", import_.table, "The table")->required();
  command.add_option("--number", import_.numbers, "CSV: columns that are numbers, as price,stock")
      ->delimiter(',')
      ->allow_extra_args(false);
  command.add_option("--hash", import_.hash_key, "Create the table, if it is missing, with this key: id, or id:N");
  command.add_option("--range", import_.range_key, "And with this sort key")->needs("--hash");
  command
      .add_option("--from-line", import_.from_line, "Put only what begins on this line of the first file, or behind it")
      ->check(CLI::Range(int64_t{1}, int64_t{1} << 53));
  command.add_flag("--csv", csv_, "It is CSV (default: by its name, .csv, .tsv, .ndjson, .jsonl or .json)");
  command.add_flag("--ndjson", ndjson_, "It has one JSON object per line");
  command.add_option("--delimiter", delimiter_,
                     "CSV: what is between fields, such as ; or tab (default: tab in .tsv, else a comma)");
  command.add_flag("--no-header", no_header_, "CSV: the first line is a row; needs --columns");
  command.add_option("--columns", import_.rows.columns, "CSV: the names of the columns, as id,name,price")
      ->delimiter(',')
      ->allow_extra_args(false);
  command.add_flag("--skip-bad", import_.skip_bad, "Count bad rows and go on");
  command.add_option("--retry-for", retry_for_s_, "Seconds to wait for a server that does not answer")
      ->capture_default_str()
      ->check(CLI::Range(0, 1'000'000));
  command.add_flag("--json", import_.json, "The summary as JSON on stdout");
}

int TableCommand::run() {
  auto server = endpoint_.endpoint();
  if (!server) return refuse(server.error().within("--endpoint").message);
  options_.endpoint = *server;
  if (!imports_) return run_table(options_);
  if (csv_ && ndjson_) return refuse("--csv and --ndjson exclude each other");
  if (csv_) import_.rows.format = send::RowFormat::csv;
  if (ndjson_) import_.rows.format = send::RowFormat::ndjson;
  import_.rows.header = !no_header_;
  if (!delimiter_.empty()) {
    if (ndjson_) return refuse("--delimiter is for CSV, --ndjson is none");
    auto separator = send::parse_delimiter(delimiter_);
    if (!separator) return refuse(separator.error().within("--delimiter").message);
    import_.rows.delimiter = *separator;
  }
  import_.retry_for_ms = retry_for_s_ * 1000;
  import_.endpoint = *server;
  base::block_stop_signals();
  return send::run_import(import_);
}

}  // namespace millrace::app
