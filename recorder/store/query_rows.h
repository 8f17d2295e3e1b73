// Answers of a query as rows of a type. For recorder/store only. Plain functions over a reader, on
// its thread.
#pragma once

#include <charconv>
#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "recorder/store/reader.h"
#include "runtime/base/result.h"

namespace taskscope::store {

// One row of an answer.
class Values {
 public:
  explicit Values(const std::vector<const char*>& values) : values_(values) {}
  std::string text(std::size_t column) const {
    return values_[column] == nullptr ? std::string() : std::string(values_[column]);
  }
  // 0 for NULL.
  template <class Number>
  Number number(std::size_t column) const {
    const std::string_view text = values_[column] == nullptr ? "" : values_[column];
    Number value = 0;
    const auto parsed = std::from_chars(text.data(), text.data() + text.size(), value);
    return parsed.ec == std::errc() ? value : Number{0};
  }
  template <class Number>
  std::optional<Number> known(std::size_t column) const {
    return values_[column] == nullptr ? std::nullopt : std::optional(number<Number>(column));
  }

 private:
  const std::vector<const char*>& values_;
};

// `what` stands in the error: "the stacks".
template <class Row, class Make>
Result<std::vector<Row>> rows_of(const Reader& reader, std::string_view what, std::string_view sql,
                                 Make make) {
  std::vector<Row> rows;
  Reader::QueryError error;
  const bool read = reader.query(
      sql, {},
      [&](const std::vector<Reader::Column>&, const std::vector<const char*>& values) {
        rows.push_back(make(Values(values)));
        return true;
      },
      error);
  if (!read) return Error{"Cannot read " + std::string(what) + ": " + error.message + "."};
  return rows;
}

}  // namespace taskscope::store
