// Writes the rows of one program into a recording that may hold several: its own ids go in, those
// of the recording (store/program_ids.h) come out.
//
// Borrows the store's writer, which must outlive it. One thread at a time, the writer's.
#pragma once

#include <cstdint>

#include "recorder/store/chunk_codec.h"
#include "recorder/store/program_ids.h"
#include "recorder/store/writer.h"

namespace taskscope::ingest {

class ProgramWriter {
 public:
  // Made of a writer alone where a recording has one program.
  ProgramWriter(store::Writer& writer, store::ProgramId program = 1)
      : writer_(&writer), program_(program) {}

  store::ProgramId program() const { return program_; }
  // Whether the ids of the recording are others than the program's own.
  bool renumbers() const { return program_ != 1; }
  store::StoredRow renumbered(store::StoredRow row) const;

  void put_site(store::SiteRow row);
  void put_task(store::TaskRow&& row, store::Totals totals);
  void put_worker(store::WorkerRow row, store::Totals totals);
  void put_thread(std::uint64_t os_id) { writer_->put_thread(os_id); }
  void put_object(store::ObjectRow row, store::Totals totals);
  void add_timer(store::TimerRow row);
  void add_leak(store::LeakRow row);
  void put_gc_cycle(store::GcCycleRow row);
  void add_gc_phase(store::GcPhaseRow row);
  void put_escape_site(store::EscapeSiteRow row);
  void put_name(store::NameRow row);
  void put_label(store::LabelRow row);
  void end_label_sets(store::LabelSetId first, store::LabelSetId end, std::int64_t ns) {
    writer_->end_label_sets(id(first), id(end), ns);
  }
  void add_log(store::LogRow row);
  void put_counter(store::CounterRow row, store::Totals totals);
  void add_steal(store::StealRow row);
  void add_park(store::ParkRow row);
  void add_spin(store::ParkRow row);
  void add_lost(store::LostRow row);
  void put_module(store::ModuleRow row);
  void put_stack(store::StackRow row);
  void put_frame(store::FrameRow row);  // its site is one of add_frame_site()
  store::SiteId add_frame_site(const store::SiteRow& row) {
    return writer_->add_frame_site(row, program_);
  }
  void add_sample(store::SampleRow row);
  // As Writer::put_chunk.
  std::int64_t put_chunk(std::int64_t row_id, const store::ChunkEncoder::Packed& chunk,
                         store::WorkerId worker_id);

 private:
  std::uint64_t id(std::uint64_t own) const { return store::id_of(program_, own); }
  store::SiteId site_id(store::SiteId own) const { return store::site_id_of(program_, own); }
  store::WorkerId worker_id(store::WorkerId own) const {
    return store::worker_id_of(program_, own);
  }

  // Constant after construction.
  store::Writer* writer_;
  store::ProgramId program_;
};

}  // namespace taskscope::ingest
