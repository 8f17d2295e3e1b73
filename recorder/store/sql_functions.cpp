#include "recorder/store/sql_functions.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <new>
#include <vector>

namespace taskscope::store {
namespace {

struct Percentile {
  std::vector<double> values;
  double percent = -1;  // -1: no row yet
};

// The aggregate's state lives behind a pointer: SQLite moves no objects.
Percentile** state_of(sqlite3_context* context, int bytes) {
  return static_cast<Percentile**>(sqlite3_aggregate_context(context, bytes));
}

void step_percentile(sqlite3_context* context, int, sqlite3_value** values) {
  Percentile** state = state_of(context, sizeof(void*));
  if (state == nullptr) return sqlite3_result_error_nomem(context);
  if (*state == nullptr) *state = new Percentile;
  Percentile& percentile = **state;
  const double percent = sqlite3_value_double(values[1]);
  const int type = sqlite3_value_numeric_type(values[1]);
  if ((type != SQLITE_INTEGER && type != SQLITE_FLOAT) || !(percent >= 0 && percent <= 100)) {
    return sqlite3_result_error(context, "percentile(value, percent): percent is from 0 to 100",
                                -1);
  }
  if (percentile.percent >= 0 && percentile.percent != percent) {
    return sqlite3_result_error(context, "percentile(value, percent): one percent for all rows",
                                -1);
  }
  percentile.percent = percent;
  if (sqlite3_value_type(values[0]) == SQLITE_NULL) return;
  percentile.values.push_back(sqlite3_value_double(values[0]));
}

void finish_percentile(sqlite3_context* context) {
  Percentile** state = state_of(context, 0);
  if (state == nullptr || *state == nullptr) return;  // no rows: NULL
  std::vector<double>& values = (*state)->values;
  if (!values.empty()) {
    // The nearest rank, so that the answer is a value that occurred.
    const double rank = std::ceil((*state)->percent / 100 * static_cast<double>(values.size()));
    const auto at = static_cast<std::ptrdiff_t>(std::max(rank, 1.0)) - 1;
    std::nth_element(values.begin(), values.begin() + at, values.end());
    const double value = values[static_cast<std::size_t>(at)];
    constexpr double kExactMax = 9e15;
    if (value == std::floor(value) && std::fabs(value) < kExactMax) {
      sqlite3_result_int64(context, static_cast<sqlite3_int64>(value));
    } else {
      sqlite3_result_double(context, value);
    }
  }
  delete *state;
  *state = nullptr;
}

}  // namespace

int register_functions(sqlite3* database) {
  return sqlite3_create_function_v2(database, "percentile", 2,
                                    SQLITE_UTF8 | SQLITE_DETERMINISTIC | SQLITE_INNOCUOUS, nullptr,
                                    nullptr, step_percentile, finish_percentile, nullptr);
}

}  // namespace taskscope::store
