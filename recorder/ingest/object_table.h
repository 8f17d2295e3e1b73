// What is known of the objects that tasks wait on, while they live.
//
// Names and kinds may come from another ring than the first wait, so the order of calls does not
// matter. An object that has ended is written and forgotten as soon as nobody waits on it. Owned by
// the span builder; one thread at a time.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "recorder/ingest/id_table.h"
#include "recorder/ingest/program_writer.h"

namespace taskscope::ingest {

class ObjectTable {
 public:
  struct Object {
    store::ObjectRow row;
    std::uint64_t waiters = 0;
    bool ended = false;
    bool stored = false;
  };

  // Borrows the store's writer, which must outlive the table.
  explicit ObjectTable(ProgramWriter writer) : writer_(writer) {}

  void announce(store::ObjectId id, store::ObjectKind kind, store::SiteId site_id, std::int64_t ns);
  void set_capacity(store::ObjectId id, std::uint64_t capacity);
  void set_name(store::ObjectId id, std::string_view name);
  void end(store::ObjectId id, std::int64_t ns);

  // The object stays where it is until the wait ends. `before`, which may be null, is what an
  // earlier call returned: tasks often wait for the same object again, even if that has ended since
  // and something else lies there.
  Object& wait_begins(store::ObjectId id, Object* before) {
    Object& object = before != nullptr && before->row.id == id ? *before : get(id);
    ++object.row.waits;
    ++object.waiters;
    return object;
  }
  // REQUIRES: a wait_begins that returned the same object and has not ended.
  void wait_ends(Object& object, std::int64_t wait_ns) {
    object.row.wait_ns += wait_ns;
    --object.waiters;
    forget_if_over(object);
  }

  // Makes new objects known to the recording, so that they are there if the recorder is killed.
  void store_new();
  // Writes every object that is left.
  void store_all();

 private:
  Object& get(store::ObjectId id);
  void forget_if_over(const Object& object) {
    if (object.ended && object.waiters == 0) forget(object);
  }
  void forget(const Object& object);

  ProgramWriter writer_;
  IdTable<Object> objects_;
  std::vector<store::ObjectId> new_;
};

}  // namespace taskscope::ingest
