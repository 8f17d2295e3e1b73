// `taskscope query FILE "SQL"`: SQL over a recording, virtual tables included.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "app/commands.h"
#include "app/json.h"
#include "app/terminal.h"
#include "recorder/store/reader.h"

namespace taskscope::app {
namespace {

using Columns = std::vector<store::Reader::Column>;
using Values = std::vector<const char*>;

struct Options {
  std::string path;
  std::string sql;
  bool json = false;
  bool csv = false;
};

constexpr const char* kTablesHelp =
    "Tables: task, worker, thread, object, site, steal, park, spin, lost, log, counter,\n"
    "label_set, finding, meta, and the virtual tables span (one state of one task over an "
    "interval), event "
    "(everything\n"
    "as it happened), region and counter_sample (what the program said of itself). Ready answers:\n"
    "blocking, scheduler_latency, wakeup, arm, chosen_arm, label, label_change, drive,\n"
    "scheduler_counter, and state_time(parts, from_ns, to_ns). Aggregate: percentile(value, "
    "percent).\n"
    "Times are nanoseconds since the recording's start.\n\n"
    "Example: taskscope query run.tscope \"SELECT reason, count(*), sum(end_ns - start_ns) / 1e6\n"
    "         AS ms FROM span WHERE state = 'blocked' GROUP BY reason ORDER BY ms DESC\"";

// Receives one result; finish() is called once, after the last row.
class Printer {
 public:
  virtual ~Printer() = default;
  virtual void columns(const Columns& columns) = 0;
  virtual void row(const Columns& columns, const Values& values) = 0;
  virtual void finish() {}
};

// Aligns what fits a screenful or twenty; longer results are aligned in pages of their own.
class TablePrinter : public Printer {
 public:
  void columns(const Columns& columns) override {
    for (const auto& column : columns) heads_.push_back({column.name});
  }
  void row(const Columns& columns, const Values& values) override {
    std::vector<std::string> cells;
    for (std::size_t i = 0; i < values.size(); ++i) {
      cells.emplace_back(values[i] == nullptr ? "NULL" : values[i]);
      if (values[i] != nullptr) heads_[i].right = columns[i].numeric;
    }
    pending_.push_back(std::move(cells));
    if (pending_.size() == kPageRows) flush();
  }
  void finish() override {
    if (!pending_.empty() || !printed_) flush();
  }

 private:
  static constexpr std::size_t kPageRows = 10'000;

  void flush() {
    Table table(heads_);
    for (auto& cells : pending_) table.add(std::move(cells));
    pending_.clear();
    std::string text = table.text(stdout_palette());
    if (printed_) text.erase(0, text.find('\n') + 1);  // the header stands above already
    print_out(text);
    printed_ = true;
  }

  std::vector<Table::Column> heads_;
  std::vector<std::vector<std::string>> pending_;
  bool printed_ = false;
};

// RFC 4180: quotes where needed, doubled inside. NULL is an empty field.
class CsvPrinter : public Printer {
 public:
  void columns(const Columns& columns) override {
    std::string line;
    for (const auto& column : columns) append(line, column.name);
    end_line(line);
  }
  void row(const Columns&, const Values& values) override {
    std::string line;
    for (const char* value : values) append(line, value == nullptr ? "" : value);
    end_line(line);
  }
  void finish() override { print_out(buffer_); }

 private:
  static void append(std::string& line, std::string_view field) {
    if (field.find_first_of(",\"\r\n") == std::string_view::npos) {
      line += field;
    } else {
      line += '"';
      for (const char c : field) line.append(c == '"' ? 2 : 1, c);
      line += '"';
    }
    line += ',';
  }
  void end_line(std::string& line) {
    if (!line.empty()) line.back() = '\n';
    buffer_ += line;
    if (buffer_.size() < (1u << 16)) return;
    print_out(buffer_);
    buffer_.clear();
  }

  std::string buffer_;
};

// A JSON array of objects, one a line.
class JsonPrinter : public Printer {
 public:
  void columns(const Columns&) override {}
  void row(const Columns& columns, const Values& values) override {
    Json object = Json::object();
    for (std::size_t i = 0; i < values.size(); ++i) {
      object[columns[i].name] = value_of(columns[i], values[i]);
    }
    buffer_ += first_ ? "[\n" : ",\n";
    first_ = false;
    buffer_ += object.dump(-1, ' ', false, Json::error_handler_t::replace);
    if (buffer_.size() < (1u << 16)) return;
    print_out(buffer_);
    buffer_.clear();
  }
  void finish() override { print_out(buffer_ + (first_ ? "[]\n" : "\n]\n")); }

 private:
  static Json value_of(const store::Reader::Column& column, const char* value) {
    if (value == nullptr) return {};
    if (column.numeric) {
      const Json number = Json::parse(value, nullptr, false);
      if (number.is_number()) return number;
    }
    return std::string(value);
  }

  std::string buffer_;
  bool first_ = true;
};

// The SQL line that an error points at, with a caret under the place.
std::string point_at(std::string_view sql, int offset) {
  if (offset < 0 || static_cast<std::size_t>(offset) > sql.size()) return {};
  const auto at = static_cast<std::size_t>(offset);
  const std::size_t before = sql.rfind('\n', at == 0 ? 0 : at - 1);
  const std::size_t start = before == std::string_view::npos || at == 0 ? 0 : before + 1;
  const std::string_view line = sql.substr(start, sql.find('\n', at) - start);
  return fmt::format("  {}\n  {}^\n", line,
                     std::string(text_width(sql.substr(start, at - start)), ' '));
}

int run_query(const Options& options) {
  const auto reader = store::Reader::open(options.path);
  if (!reader) {
    print_error(reader.error().message);
    return kExitFailed;
  }
  std::unique_ptr<Printer> printer;
  if (options.json) {
    printer = std::make_unique<JsonPrinter>();
  } else if (options.csv) {
    printer = std::make_unique<CsvPrinter>();
  } else {
    printer = std::make_unique<TablePrinter>();
  }
  store::Reader::QueryError error;
  const bool fine = reader->query(
      options.sql, [&](const Columns& columns) { printer->columns(columns); },
      [&](const Columns& columns, const Values& values) {
        printer->row(columns, values);
        return true;
      },
      error);
  if (!fine) {
    print_error("the query failed: " + error.message + ".");
    print_status(point_at(options.sql, error.offset));
    return kExitFailed;
  }
  printer->finish();
  return kExitFine;
}

}  // namespace

void add_query(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();  // shared: CLI11 copies its callbacks
  CLI::App* command = app.add_subcommand("query", "SQL over a recording");
  command->add_option("FILE", options->path, "A recording (.tscope)")->required();
  command->add_option("SQL", options->sql, "One statement that only reads")->required();
  CLI::Option* json = command->add_flag("--json", options->json, "Print a JSON array of objects");
  command->add_flag("--csv", options->csv, "Print comma-separated values")->excludes(json);
  command->footer(kTablesHelp);
  command->callback([options, &exit_code] { exit_code = run_query(*options); });
}

}  // namespace taskscope::app
