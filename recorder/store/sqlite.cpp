#include "recorder/store/sqlite.h"

#include <cerrno>
#include <cstring>

namespace taskscope::store {

std::string describe(sqlite3* database, int system_error) {
  const int code = sqlite3_errcode(database) & 0xff;  // without the extended part
  if (system_error == 0) system_error = sqlite3_system_errno(database);
  const bool failed_io = code == SQLITE_IOERR || code == SQLITE_FULL || code == SQLITE_CANTOPEN;
  if (failed_io && system_error == EFBIG) {
    return "the file size limit is reached (raise it with ulimit -f)";
  }
  if (failed_io && system_error == EDQUOT) {
    return "the disk quota is used up (free some space or choose another disk)";
  }
  if (code == SQLITE_FULL || (failed_io && system_error == ENOSPC)) {
    return "the disk is full (free some space or choose another disk)";
  }
  if (failed_io && system_error != 0) return std::strerror(system_error);
  return sqlite3_errmsg(database);
}

Statement::Statement(sqlite3* database, std::string_view sql) {
  sqlite3_stmt* statement = nullptr;
  sqlite3_prepare_v2(database, sql.data(), static_cast<int>(sql.size()), &statement, nullptr);
  statement_.reset(statement);
}

Statement& Statement::bind(int index, std::int64_t value) {
  sqlite3_bind_int64(get(), index, value);
  return *this;
}

Statement& Statement::bind(int index, std::optional<std::int64_t> value) {
  if (value) return bind(index, *value);
  sqlite3_bind_null(get(), index);
  return *this;
}

Statement& Statement::bind_id(int index, std::uint64_t id) {
  if (id == 0) {
    sqlite3_bind_null(get(), index);
    return *this;
  }
  return bind(index, static_cast<std::int64_t>(id));
}

Statement& Statement::bind_text(int index, std::string_view text) {
  sqlite3_bind_text(get(), index, text.data(), static_cast<int>(text.size()), SQLITE_STATIC);
  return *this;
}

Statement& Statement::bind_name(int index, std::string_view text) {
  if (!text.empty()) return bind_text(index, text);
  sqlite3_bind_null(get(), index);
  return *this;
}

Statement& Statement::bind_blob(int index, std::span<const std::byte> blob) {
  sqlite3_bind_blob64(get(), index, blob.data(), blob.size(), SQLITE_STATIC);
  return *this;
}

int Statement::run() {
  const int code = step();
  reset();
  return code;
}

void Statement::reset() { sqlite3_reset(get()); }

std::int64_t Statement::integer(int column) const { return sqlite3_column_int64(get(), column); }

std::optional<std::int64_t> Statement::optional_integer(int column) const {
  if (sqlite3_column_type(get(), column) == SQLITE_NULL) return std::nullopt;
  return integer(column);
}

std::string Statement::text(int column) const {
  const auto* text = reinterpret_cast<const char*>(sqlite3_column_text(get(), column));
  if (text == nullptr) return {};
  return {text, static_cast<std::size_t>(sqlite3_column_bytes(get(), column))};
}

std::span<const std::byte> Statement::blob(int column) const {
  const auto* data = static_cast<const std::byte*>(sqlite3_column_blob(get(), column));
  if (data == nullptr) return {};
  return {data, static_cast<std::size_t>(sqlite3_column_bytes(get(), column))};
}

}  // namespace taskscope::store
