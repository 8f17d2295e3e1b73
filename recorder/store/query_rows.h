// Rows of an answer to SQL, for what reads a recording through Reader::query(). Plain functions, on
// the reader's thread.
#pragma once

#include <charconv>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "recorder/store/reader.h"
#include "runtime/base/result.h"

namespace taskscope::store {

using RowValues = std::vector<const char*>;  // nullptr for NULL

// Of one value; NULL is empty, or 0, as is what is no such number.
inline std::string_view text_in(const char* value) { return value == nullptr ? "" : value; }
template <class Number>
Number number_in(const char* value) {
  const std::string_view text = text_in(value);
  Number number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc() ? number : Number{0};
}

template <class Number>
std::optional<Number> known_in(const char* value) {
  return value == nullptr ? std::nullopt : std::optional(number_in<Number>(value));
}

// Calls `take(values)` with each row. `what` cannot be read, says an error.
template <class Take>
Result<void> each_row(const Reader& reader, const std::string& what, std::string_view sql,
                      Take take) {
  Reader::QueryError error;
  const bool read = reader.query(
      sql, {},
      [&](const std::vector<Reader::Column>&, const RowValues& values) {
        take(values);
        return true;
      },
      error);
  if (!read) return Error{"Cannot read " + what + ": " + error.message + "."};
  return {};
}

// What `make(values)` makes of each row.
template <class Row, class Make>
Result<std::vector<Row>> rows_of(const Reader& reader, const std::string& what,
                                 std::string_view sql, Make make) {
  std::vector<Row> rows;
  auto read =
      each_row(reader, what, sql, [&](const RowValues& values) { rows.push_back(make(values)); });
  if (!read) return read.error();
  return rows;
}

}  // namespace taskscope::store
