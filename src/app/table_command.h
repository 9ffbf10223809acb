#pragma once
// `millrace table list|describe|get|put|delete|export`: the tables of a running server, by its API (import is
// send/import.h's). Returns the exit code; what is asked for goes to stdout, messages to stderr.

#include <string>
#include <vector>

#include "client/api.h"

namespace millrace::app {

struct TableOptions {
  enum class Action { list, describe, get, put, remove, export_items } action = Action::list;
  std::string name;
  std::vector<std::string> key;      // of get and delete: "id=p1", "day=7"
  std::vector<std::string> items;    // of put: JSON objects
  bool json = false;                 // of list
  bool typed = false;                // items as DynamoDB's API has them
  std::vector<std::string> columns;  // of export: CSV with these
  client::Endpoint endpoint;
};
int run_table(const TableOptions& options);

}  // namespace millrace::app
