#include "recorder/store/call_tables.h"

#include <string>

#include "recorder/store/query_rows.h"

namespace taskscope::store {
namespace {

constexpr const char* kWhat = "the stacks";

Result<std::uint64_t> first_number(const Reader& reader, const std::string& sql) {
  const auto rows = rows_of<std::uint64_t>(
      reader, kWhat, sql, [](const RowValues& row) { return number_in<std::uint64_t>(row[0]); });
  if (!rows) return rows.error();
  return rows->empty() ? 0 : rows->front();
}

}  // namespace

Result<std::vector<CpuFunction>> cpu_functions(const Reader& reader, std::size_t rows_max) {
  return rows_of<CpuFunction>(
      reader, kWhat,
      "SELECT function, file, hottest_line, self, total FROM cpu_by_function"
      " WHERE self > 0 OR NOT runtime LIMIT " +
          std::to_string(rows_max),
      [](const RowValues& row) {
        return CpuFunction{.function = std::string(text_in(row[0])),
                           .file = std::string(text_in(row[1])),
                           .line = number_in<std::uint32_t>(row[2]),
                           .self = number_in<std::uint64_t>(row[3]),
                           .total = number_in<std::uint64_t>(row[4])};
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
      reader, kWhat,
      "SELECT stack_id, reason, spans, tasks, ns, longest_ns, functions FROM blocked_by_stack"
      " LIMIT " +
          std::to_string(rows_max),
      [](const RowValues& row) {
        return StackWaits{.stack_id = number_in<StackId>(row[0]),
                          .reason = std::string(text_in(row[1])),
                          .spans = number_in<std::uint64_t>(row[2]),
                          .tasks = number_in<std::uint64_t>(row[3]),
                          .ns = number_in<std::int64_t>(row[4]),
                          .longest_ns = number_in<std::int64_t>(row[5]),
                          .functions = std::string(text_in(row[6]))};
      });
}

}  // namespace taskscope::store
