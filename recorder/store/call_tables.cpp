#include "recorder/store/call_tables.h"

#include "recorder/store/query_rows.h"

namespace taskscope::store {
namespace {

constexpr const char* kWhat = "the stacks";

Result<std::uint64_t> first_number(const Reader& reader, const std::string& sql) {
  const auto rows = rows_of<std::uint64_t>(
      reader, kWhat, sql, [](const Values& row) { return row.number<std::uint64_t>(0); });
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
      reader, kWhat,
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
      reader, kWhat,
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
