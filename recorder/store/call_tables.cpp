#include "recorder/store/call_tables.h"

#include <charconv>
#include <string_view>
#include <system_error>

namespace taskscope::store {
namespace {

// One row of an answer.
class Values {
 public:
  explicit Values(const std::vector<const char*>& values) : values_(values) {}
  std::string text(std::size_t column) const {
    return values_[column] == nullptr ? std::string() : std::string(values_[column]);
  }
  template <class Number>
  Number number(std::size_t column) const {
    const std::string_view text = values_[column] == nullptr ? "" : values_[column];
    Number value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    return parsed.ec == std::errc() ? value : Number{0};
  }

 private:
  const std::vector<const char*>& values_;
};

template <class Row, class Make>
Result<std::vector<Row>> rows_of(const Reader& reader, const std::string& sql, Make make) {
  std::vector<Row> rows;
  Reader::QueryError error;
  const bool read = reader.query(
      sql, {},
      [&](const std::vector<Reader::Column>&, const std::vector<const char*>& values) {
        rows.push_back(make(Values(values)));
        return true;
      },
      error);
  if (!read) return Error{"Cannot read the stacks: " + error.message + "."};
  return rows;
}

Result<std::uint64_t> first_number(const Reader& reader, const std::string& sql) {
  const auto rows = rows_of<std::uint64_t>(
      reader, sql, [](const Values& row) { return row.number<std::uint64_t>(0); });
  if (!rows) return rows.error();
  return rows->empty() ? 0 : rows->front();
}

}  // namespace

Result<std::vector<CpuFunction>> cpu_functions(const Reader& reader, std::size_t rows_max) {
  return rows_of<CpuFunction>(
      reader,
      "SELECT function, file, hottest_line, self, total FROM cpu_by_function"
      " WHERE self > 0 OR NOT runtime LIMIT " +
          std::to_string(rows_max),
      [](const Values& row) {
        return CpuFunction{.function = row.text(0),
                           .file = row.text(1),
                           .line = row.number<std::uint32_t>(2),
                           .self = row.number<std::uint64_t>(3),
                           .total = row.number<std::uint64_t>(4)};
      });
}

Result<std::uint64_t> sample_count(const Reader& reader) {
  return first_number(reader, "SELECT count(*) FROM sample");
}

Result<std::vector<StackWaits>> stack_waits(const Reader& reader, std::size_t rows_max) {
  const auto stacks = first_number(reader, "SELECT count(*) FROM stack WHERE kind = 'call'");
  if (!stacks) return stacks.error();
  if (*stacks == 0) return std::vector<StackWaits>();
  return rows_of<StackWaits>(
      reader,
      "SELECT stack_id, reason, spans, tasks, ns, longest_ns, functions FROM blocked_by_stack"
      " LIMIT " +
          std::to_string(rows_max),
      [](const Values& row) {
        return StackWaits{.stack_id = row.number<StackId>(0),
                          .reason = row.text(1),
                          .spans = row.number<std::uint64_t>(2),
                          .tasks = row.number<std::uint64_t>(3),
                          .ns = row.number<std::int64_t>(4),
                          .longest_ns = row.number<std::int64_t>(5),
                          .functions = row.text(6)};
      });
}

Result<std::vector<StackFrame>> calls_of(const Reader& reader, StackId stack_id) {
  return rows_of<StackFrame>(
      reader,
      "SELECT function, file, line, inlined, runtime FROM call WHERE stack_id = " +
          std::to_string(stack_id) + " ORDER BY depth",
      [](const Values& row) {
        return StackFrame{.function = row.text(0),
                          .file = row.text(1),
                          .line = row.number<std::uint32_t>(2),
                          .inlined = row.number<int>(3) != 0,
                          .runtime = row.number<int>(4) != 0};
      });
}

Result<StackId> stack_of_wait(const Reader& reader, TaskId task_id, std::int64_t start_ns) {
  return first_number(reader,
                      "SELECT stack_id FROM span WHERE task_id = " + std::to_string(task_id) +
                          " AND start_ns = " + std::to_string(start_ns) +
                          " AND state IN ('blocked', 'sleeping') LIMIT 1");
}

}  // namespace taskscope::store
