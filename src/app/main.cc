// The command line: each command's options into its options struct, nothing else.

#include <spdlog/sinks/stdout_color_sinks.h>
#include <spdlog/spdlog.h>

#include <CLI/CLI.hpp>

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "app/arguments.h"
#include "app/backup_command.h"
#include "app/cert_command.h"
#include "app/demo_command.h"
#include "app/jobs_command.h"
#include "app/serve.h"
#include "app/stream_arguments.h"
#include "app/table_arguments.h"
#include "base/stop_signals.h"
#include "base/suggest.h"
#include "send/csv.h"
#include "send/send.h"
#include "send/time.h"
#include "shop/flag_fast_clicks.h"
#include "shop/reprice.h"

namespace millrace::app {
namespace {

constexpr const char* version = "millrace 0.1.0";

// "20s", "1500ms", "2m" in milliseconds.
Result<int64_t> parse_duration(const std::string& text) {
  char* end = nullptr;
  const double number = std::strtod(text.c_str(), &end);
  const std::string_view unit = end;
  const double factor = unit == "ms" ? 1 : unit == "s" || unit.empty() ? 1000 : unit == "m" ? 60'000 : 0;
  if (end == text.c_str() || factor == 0 || !(number > 0) || number * factor > 1e12) {
    return fail(ErrorKind::invalid_argument, "`{}` is no duration; 20s, 1500ms and 2m are", text);
  }
  return static_cast<int64_t>(number * factor);
}

// --dashboard HOST:PORT, or off; empty: as it is.
Result<void> read_dashboard(const std::string& text, bool& on, std::string& host, uint16_t& port) {
  if (text.empty()) return {};
  on = text != "off";
  if (!on) return {};
  auto read = parse_address(text, host, port);
  if (!read) return std::unexpected(Error(read.error().kind, read.error().message + ", or off").within("--dashboard"));
  return {};
}

struct ServeCommand {
  std::string data, listen, dashboard, config, auth, durability, region;

  void add_to(CLI::App& app) {
    auto* command = app.add_subcommand("serve", "Serve streams, tables, jobs and functions");
    command->footer("Example:\n  millrace serve --data ./data --listen 127.0.0.1:4566 --config millrace.toml");
    command->add_option("--data", data, "The directory for everything that is kept; made if missing");
    command->add_option("--listen", listen, "HOST:PORT of the API (default 127.0.0.1:4566)");
    command->add_option("--dashboard", dashboard,
                        "HOST:PORT of the live page and /metrics (default 127.0.0.1:8080), or off");
    command->add_option("--config", config, "A TOML file: these options, credentials, functions, mappings")
        ->type_name("FILE");
    command->add_option("--auth", auth, "sigv4 (default): signatures are checked. none: only on a loopback address");
    command->add_option("--durability", durability,
                        "disk (default): acknowledged is synced. memory: faster, loses the last seconds in a crash");
    command->add_option("--region", region, "The AWS region in ARNs (default us-east-1)");
  }

  Result<Configuration> configuration() const {
    Configuration result;
    if (!config.empty()) {
      TRY_ASSIGN(result, load_configuration(config, result));
    }
    if (!data.empty()) result.data_directory = data;
    if (!region.empty()) {
      if (auto checked = check_region(region); !checked) return std::unexpected(checked.error().within("--region"));
      result.region = region;
    }
    if (!listen.empty()) {
      if (auto read = parse_address(listen, result.host, result.port); !read) {
        return std::unexpected(read.error().within("--listen"));
      }
    }
    TRY(read_dashboard(dashboard, result.dashboard, result.dashboard_host, result.dashboard_port));
    if (!auth.empty() && auth != "sigv4" && auth != "none") {
      return fail(ErrorKind::invalid_argument, "--auth is `{}`; it may be `sigv4` or `none`", auth);
    }
    if (!durability.empty() && durability != "disk" && durability != "memory") {
      return fail(ErrorKind::invalid_argument, "--durability is `{}`; it may be `disk` or `memory`", durability);
    }
    if (!auth.empty()) result.authenticate = auth == "sigv4";
    if (!durability.empty()) result.durable = durability == "disk";
    if (result.data_directory.empty()) {
      return fail(ErrorKind::invalid_argument, "serve needs a place for its data: --data DIR, or `data` in --config");
    }
    return result;
  }

  int run() const {
    auto result = configuration();
    return result ? run_serve(*result) : refuse(result.error().message);
  }
};

struct DemoCommand {
  DemoOptions options;
  std::string duration, listen, dashboard;

  void add_to(CLI::App& app) {
    auto* command = app.add_subcommand("demo", "Run the whole loop on a simulated shop, with a live page");
    command->footer("Examples:\n  millrace demo\n  millrace demo --for 20s --json");
    command->add_option("--for", duration,
                        "End by itself after so long, such as 20s, and print a report; else until Ctrl-C");
    command->add_flag("--json", options.json, "The report as one JSON object on stdout");
    command->add_option("--rate", options.rate, "Clicks a second")->capture_default_str();
    command->add_option("--products", options.products, "Products in the shop")->capture_default_str();
    command->add_option("--seed", options.seed, "The same seed, the same shoppers")->capture_default_str();
    command->add_option("--data", options.data_directory, "Keep the data here (default: a temporary directory)");
    command
        ->add_option("--disk-max", options.disk_bytes_max,
                     "End when the data take so much of the disk, such as 500MB (default 8GB)")
        ->transform(CLI::AsSizeValue(true))
        ->type_name("SIZE");
    command->add_option("--listen", listen, "HOST:PORT of the API (default 127.0.0.1:4566; port 0: any free one)");
    command->add_option("--dashboard", dashboard,
                        "HOST:PORT of the live page (default 127.0.0.1:8080; port 0: any free one), or off");
  }

  int run() {
    if (!duration.empty()) {
      auto parsed = parse_duration(duration);
      if (!parsed) return refuse(parsed.error().within("--for").message);
      options.for_ms = *parsed;
    }
    if (!listen.empty()) {
      if (auto read = parse_address(listen, options.host, options.port); !read) {
        return refuse(read.error().within("--listen").message);
      }
    }
    if (auto read = read_dashboard(dashboard, options.dashboard, options.dashboard_host, options.dashboard_port);
        !read) {
      return refuse(read.error().message);
    }
    return run_demo(options);
  }
};

struct SendCommand {
  send::SendOptions options;
  EndpointOption endpoint;
  std::string speed = "1x";
  bool csv = false, ndjson = false, no_header = false;
  std::string delimiter;
  int64_t retry_for_s = 60;

  void add_to(CLI::App& app) {
    auto* command = app.add_subcommand("send", "Send CSV or NDJSON files (gzip and zstd too) as a stream");
    command->footer(
        R"(Times: 2019-10-01, 2019-10-01 00:00:00, 2019-10-01T00:00:00.250Z, 2019-10-01 02:00:00+02:00; without a zone they are
UTC. Or a number since 1970, whose digits tell its unit: seconds (1569888000, 1569888000.25), milliseconds
(1569888000250), microseconds (1569888000250000), nanoseconds (1569888000250000000).

A CSV row becomes a JSON object whose values are all strings, as they stand in the file; empty fields are left out. A
line of NDJSON stays as it is, with numbers of any size. Both get an "event_id" unless they have one: the same when the
same file is sent again, so that a job can drop copies; another for another file, and in each run for the standard
input.

Lines end with LF, CRLF or CR; a byte order mark is passed over. A row that is bad, or larger than a record may be
(1 MiB), ends it with the line that it is on, unless --skip-bad. --key and --time of NDJSON may lie deeper: user.id.

A bad row, an error or Ctrl-C ends it, and it says with which --from-line the same command goes on: no row is left out
then, and none comes twice, but for those that a failing server took without saying so; they have the same event_id
again (from the standard input only if it is their own).

At a --speed other than max a row waits until as much time has passed as was between it and the first one. A long wait
is said when it begins, and what leaves it out.

Examples:
  millrace send --file events.csv.gz --stream clicks --key user_id --time event_time --speed 100x
  millrace send day1.tsv day2.tsv --stream clicks --key user_id --speed max
  tail -f app.log | millrace send --file - --ndjson --stream clicks --key user.id --speed max)");
    command
        ->add_option("--file,files", options.files,
                     "The file, or several, which are sent in this order; - is the standard input")
        ->required();
    command
        ->add_option("--from-line", options.from_line,
                     "Send only what begins on this line of the first file, or behind it")
        ->check(CLI::Range(int64_t{1}, int64_t{1} << 53));
    command->add_flag("--csv", csv, "It is CSV (default: by its name, .csv, .tsv, .ndjson, .jsonl or .json)");
    command->add_flag("--ndjson", ndjson, "It has one JSON object per line");
    command->add_option("--delimiter", delimiter,
                        "CSV: what is between fields, such as ; or tab (default: tab in .tsv, else a comma)");
    command->add_flag("--no-header", no_header, "CSV: the first line is a row; needs --columns");
    command->add_option("--columns", options.rows.columns, "CSV: the names of the columns, as id,name,price")
        ->delimiter(',')
        ->allow_extra_args(false);
    command->add_option("--stream", options.stream, "The stream")->required();
    command
        ->add_option("--create-shards", options.create_shards, "Create the stream with so many shards if it is missing")
        ->check(CLI::Range(1, 10'000));
    command->add_option("--key", options.rows.key_column, "The column that is the partition key, see below")
        ->required();
    command->add_option("--time", options.rows.time_column,
                        "The column that says when it happened, see below; --speed max goes without");
    command->add_option("--speed", speed, "1x: as it happened; 100x: a hundred times as fast; max")
        ->capture_default_str();
    command->add_option("--connections", options.connections, "At most one per shard is used")
        ->capture_default_str()
        ->check(CLI::Range(1, 1'000));
    command->add_flag("--skip-bad", options.skip_bad, "Count bad rows and go on");
    command->add_option("--retry-for", retry_for_s, "Seconds to wait for a server that does not answer")
        ->capture_default_str()
        ->check(CLI::Range(0, 1'000'000));
    command->add_flag("--json", options.json, "The summary as JSON on stdout");
    endpoint.add_to(*command);
  }

  int run() {
    if (csv && ndjson) return refuse("--csv and --ndjson exclude each other");
    if (csv) options.rows.format = send::RowFormat::csv;
    if (ndjson) options.rows.format = send::RowFormat::ndjson;
    options.rows.header = !no_header;
    options.retry_for_ms = retry_for_s * 1000;
    auto pace = send::parse_speed(speed);
    if (!pace) return refuse(pace.error().within("--speed").message);
    options.speed = *pace;
    if (options.rows.time_column.empty() && options.speed > 0) {
      return refuse("--time COLUMN is missing: rows go at the pace of their times; --speed max goes without");
    }
    if (!delimiter.empty()) {
      if (ndjson) return refuse("--delimiter is for CSV, --ndjson is none");
      auto separator = send::parse_delimiter(delimiter);
      if (!separator) return refuse(separator.error().within("--delimiter").message);
      options.rows.delimiter = *separator;
    }
    auto server = endpoint.endpoint();
    if (!server) return refuse(server.error().within("--endpoint").message);
    options.endpoint = *server;
    return send::run_send(options);
  }
};

struct SqlCommand {
  SqlOptions options;
  EndpointOption endpoint;

  void add_to(CLI::App& app) {
    auto* command = app.add_subcommand("sql", "Submit a SQL script as a job to a running server");
    command->footer("Example:\n  millrace sql -f examples/shop/pricing.sql --name pricing");
    command->add_option("-f,--file", options.file, "The script; - is the standard input")->required();
    command->add_option("--name", options.name, "The job's name (default: SET 'pipeline.name', or the file's name)");
    command->add_flag("--explain", options.explain, "Only check the script and print its plan; needs no server");
    endpoint.add_to(*command);
  }

  int run() {
    auto server = endpoint.endpoint();
    if (!server) return refuse(server.error().within("--endpoint").message);
    options.endpoint = *server;
    return run_sql(options);
  }
};

struct JobsCommand {
  JobsOptions options;
  EndpointOption endpoint;

  void add_to(CLI::App& app) {
    auto* command = app.add_subcommand("jobs", "List, stop, resume and remove jobs of a running server");
    command->footer("Examples:\n  millrace jobs\n  millrace jobs stop pricing\n  millrace jobs resume pricing");
    command->require_subcommand(0, 1);
    add_options(*command, JobsOptions::Action::list);
    add_options(*command->add_subcommand("list", "State, lag, watermark and rates (the default)"),
                JobsOptions::Action::list);
    add_options(*command->add_subcommand("stop", "Stop one; it goes on later where it was"), JobsOptions::Action::stop);
    add_options(*command->add_subcommand("resume", "Go on with a stopped or failed one"), JobsOptions::Action::resume);
    add_options(*command->add_subcommand("remove", "Forget a stopped one and its state; its tables stay"),
                JobsOptions::Action::remove);
  }

  void add_options(CLI::App& command, JobsOptions::Action action) {
    if (command.get_parent()->get_parent()) command.footer("");
    endpoint.add_to(command);
    if (action == JobsOptions::Action::list) {
      command.add_flag("--json", options.json, "As JSON");
    } else {
      command.add_option("NAME", options.name, "The job")->required();
      command.callback([this, action] { options.action = action; });
    }
    if (action == JobsOptions::Action::remove) {
      command.add_flag("--force", options.force, "A running one, too: it is stopped first");
    }
    if (action == JobsOptions::Action::resume) {
      command.add_option("--skip", options.skip, "Leave out so many records that cannot be read, instead of stopping");
    }
    if (action == JobsOptions::Action::stop) {
      command.add_flag("--drain", options.drain, "First take in what is there, and close all windows");
    }
  }

  int run() {
    auto server = endpoint.endpoint();
    if (!server) return refuse(server.error().within("--endpoint").message);
    options.endpoint = *server;
    return run_jobs(options);
  }
};

struct FunctionsCommand {
  FunctionsOptions options;
  EndpointOption endpoint;

  void add_to(CLI::App& app) {
    auto* command = app.add_subcommand("functions", "Show functions and mappings of a running server");
    command->footer("Example:\n  millrace functions");
    endpoint.add_to(*command);
    command->add_flag("--json", options.json, "As JSON");
  }

  int run() {
    auto server = endpoint.endpoint();
    if (!server) return refuse(server.error().within("--endpoint").message);
    options.endpoint = *server;
    return run_functions(options);
  }
};

struct BackupCommand {
  BackupOptions options;
  EndpointOption endpoint;

  void add_to(CLI::App& app) {
    auto* command = app.add_subcommand("backup", "Copy the data of a running server, which goes on serving");
    command->footer(
        "The server itself writes the directory, so it is one of its machine.\nExample:\n"
        "  millrace backup /var/backups/millrace-monday");
    endpoint.add_to(*command);
    command->add_option("DIRECTORY", options.directory, "A new directory")->required();
  }

  int run() {
    auto server = endpoint.endpoint();
    if (!server) return refuse(server.error().within("--endpoint").message);
    options.endpoint = *server;
    return run_backup(options);
  }
};

struct CertCommand {
  CertOptions options;

  void add_to(CLI::App& app) {
    auto* command = app.add_subcommand("cert", "Print the certificate that clients of a server's TLS have to trust");
    command->footer(
        "Example:\n  millrace cert --data ./data > millrace-ca.pem\n  AWS_CA_BUNDLE=millrace-ca.pem aws ...");
    command->add_option("--data", options.data_directory, "The server's data directory")->required();
  }
};

struct RestoreCommand {
  RestoreOptions options;

  void add_to(CLI::App& app) {
    auto* command = app.add_subcommand("restore", "Make a data directory of a backup");
    command->footer("Example:\n  millrace restore /var/backups/millrace-monday --data ./data");
    command->add_option("DIRECTORY", options.directory, "What `millrace backup` has written")->required();
    command->add_option("--data", options.data, "A new directory, for `millrace serve --data`")->required();
  }
};

// The command that the arguments name so far, with its own: `jobs stop`.
const CLI::App& named_command(const CLI::App& app) {
  const CLI::App* command = &app;
  while (!command->get_subcommands().empty()) command = command->get_subcommands().back();
  return *command;
}

// What is wrong with the arguments, and what would work.
std::string explanation(const CLI::App& app, int argc, char** argv, const CLI::ParseError& error) {
  const CLI::App& command = named_command(app);
  std::string names;
  for (const CLI::App* at = &command; at; at = at->get_parent()) {
    names = at->get_parent() ? fmt::format(" {}{}", at->get_name(), names) : "millrace" + names;
  }
  std::vector<std::string> known;
  for (const CLI::Option* option : command.get_options()) {
    for (const std::string& name : option->get_lnames()) known.push_back("--" + name);
  }
  for (int i = 1; i < argc; ++i) {
    const std::string_view argument = argv[i];
    const std::string name(argument.substr(0, argument.find('=')));
    if (!name.starts_with("--") || name.size() == 2 || std::ranges::find(known, name) != known.end()) continue;
    return fmt::format("`{}` has no option `{}`; {}", names, name, base::suggestion(name, known));
  }
  return fmt::format("{}; `{} --help` shows what there is", error.what(), names);
}

int run(int argc, char** argv) {
  CLI::App app("Millrace: click in, price out, in milliseconds, exactly once.\n");
  app.footer(
      "Examples:\n"
      "  millrace demo                                 the whole loop on a simulated shop\n"
      "  millrace serve --data ./data                  a server for AWS SDKs, at http://127.0.0.1:4566\n"
      "  millrace sql -f examples/shop/pricing.sql     a job on it\n"
      "  millrace jobs                                 how its jobs do\n"
      "`millrace COMMAND --help` tells more.");
  app.set_version_flag("--version", version);
  app.require_subcommand(1);
  ServeCommand serve;
  DemoCommand demo;
  SendCommand send;
  SqlCommand sql;
  JobsCommand jobs;
  FunctionsCommand functions;
  StreamCommand stream;
  TableCommand table;
  BackupCommand backup;
  RestoreCommand restore;
  CertCommand cert;
  demo.add_to(app);
  serve.add_to(app);
  sql.add_to(app);
  jobs.add_to(app);
  functions.add_to(app);
  stream.add_to(app);
  table.add_to(app);
  backup.add_to(app);
  restore.add_to(app);
  cert.add_to(app);
  send.add_to(app);
  app.add_subcommand("reprice", "The pricing function of the shop; a server's configuration starts it")
      ->footer("The environment variables PRICING_... change its rules; docs/pricing.md lists them.");
  app.add_subcommand("flag-fast-clicks", "The function that marks fast clickers; a server's configuration starts it")
      ->footer("The environment variables FAST_CLICKS_MAX and FAST_CLICKS_WINDOW_MS change its rules.");
  if (argc > 1 && argv[1][0] != '-' &&
      app.get_subcommands([&](CLI::App* command) { return command->check_name(argv[1]); }).empty()) {
    return refuse(fmt::format("there is no command `{}`; {}", argv[1],
                              base::suggestion(argv[1], {"demo", "serve", "sql", "jobs", "functions", "stream",
                                                         "backup", "restore", "cert", "send"})));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& help) {
    return app.exit(help);
  } catch (const CLI::ParseError& error) {
    return refuse(explanation(app, argc, argv, error));
  }
  const std::string name = app.get_subcommands().front()->get_name();
  if (name == "demo" || name == "serve" || name == "send" || name == "stream") base::block_stop_signals();
  if (name == "demo") return demo.run();
  if (name == "serve") return serve.run();
  if (name == "sql") return sql.run();
  if (name == "jobs") return jobs.run();
  if (name == "functions") return functions.run();
  if (name == "stream") return stream.run();
  if (name == "table") return table.run();
  if (name == "backup") return backup.run();
  if (name == "restore") return run_restore(restore.options);
  if (name == "cert") return run_cert(cert.options);
  if (name == "send") return send.run();
  if (name == "reprice") return shop::run_reprice();
  return shop::run_flag_fast_clicks();
}

}  // namespace
}  // namespace millrace::app

int main(int argc, char** argv) {
  if (!__builtin_cpu_supports("avx2")) {
    std::fprintf(stderr, "millrace: this program needs a processor with AVX2 (2013 or later)\n");
    return 1;
  }
  // stdout is for results: reports, summaries, tables.
  spdlog::set_default_logger(spdlog::stderr_color_mt("millrace"));
  return millrace::app::run(argc, argv);
}
