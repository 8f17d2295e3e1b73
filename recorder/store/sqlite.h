// SQLite's C interface with owned handles, for the files of recorder/store only.
//
// Thin: a Database and its Statements belong to one thread at a time. Errors are SQLite's result
// codes; describe() turns the last one into words.
#pragma once

#include <sqlite3.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace taskscope::store {

struct CloseDatabase {
  void operator()(sqlite3* database) const { sqlite3_close_v2(database); }
};
using DatabaseHandle = std::unique_ptr<sqlite3, CloseDatabase>;

// What went wrong last on `database`, as the end of a sentence: "the disk is full", … SQLite
// forgets what the system said when it is a commit that fails; `system_error` is then the errno it
// left.
std::string describe(sqlite3* database, int system_error = 0);

// A prepared statement; empty if the SQL did not compile. Parameters count from 1, columns from 0.
class Statement {
 public:
  Statement() = default;
  Statement(sqlite3* database, std::string_view sql);

  explicit operator bool() const { return statement_ != nullptr; }
  sqlite3_stmt* get() const { return statement_.get(); }

  Statement& bind(int index, std::int64_t value);
  Statement& bind(int index, std::optional<std::int64_t> value);  // NULL if there is none
  Statement& bind_id(int index, std::uint64_t id);                // NULL for 0
  Statement& bind_text(int index, std::string_view text);         // the text must outlive the step
  Statement& bind_name(int index, std::string_view text);         // NULL if empty
  Statement& bind_blob(int index, std::span<const std::byte> blob);

  int step() { return sqlite3_step(statement_.get()); }
  // Runs a statement that returns no rows and makes it ready for the next time.
  int run();
  void reset();

  std::int64_t integer(int column) const;
  std::optional<std::int64_t> optional_integer(int column) const;  // nullopt for NULL
  std::string text(int column) const;                              // empty for NULL
  std::span<const std::byte> blob(int column) const;               // until the next step

 private:
  struct Finalize {
    void operator()(sqlite3_stmt* statement) const { sqlite3_finalize(statement); }
  };
  std::unique_ptr<sqlite3_stmt, Finalize> statement_;
};

}  // namespace taskscope::store
