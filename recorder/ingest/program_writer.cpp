#include "recorder/ingest/program_writer.h"

#include <utility>

namespace taskscope::ingest {

using store::EventKind;

store::StoredRow ProgramWriter::renumbered(store::StoredRow row) const {
  row.task_id = id(row.task_id);
  row.object_id = id(row.object_id);
  row.site_id = site_id(row.site_id);
  row.stack_id = id(row.stack_id);
  if (row.kind == EventKind::WorkerWake && row.arg <= trace_format::kWorkerMax) {
    row.arg = worker_id(static_cast<store::WorkerId>(row.arg));
  } else if (row.kind == EventKind::Label) {
    row.arg = id(row.arg);
  } else if (row.kind == EventKind::Steal) {
    const auto victim = static_cast<store::WorkerId>(row.arg & trace_format::kWorkerMax);
    row.arg = store::pack_args(worker_id(victim),
                               static_cast<std::uint32_t>(row.arg >> trace_format::kIdBits));
  }
  return row;
}

void ProgramWriter::put_site(store::SiteRow row) {
  row.id = site_id(row.id);
  writer_->put_site(row);
}

void ProgramWriter::put_task(store::TaskRow&& row, store::Totals totals) {
  row.id = id(row.id);
  row.parent_id = id(row.parent_id);
  row.spawn_site_id = site_id(row.spawn_site_id);
  row.label_set_id = id(row.label_set_id);
  row.spawn_stack_id = id(row.spawn_stack_id);
  writer_->put_task(std::move(row), totals);
}

void ProgramWriter::put_worker(store::WorkerRow row, store::Totals totals) {
  row.id = worker_id(row.id);
  writer_->put_worker(row, totals);
}

void ProgramWriter::put_object(store::ObjectRow row, store::Totals totals) {
  row.id = id(row.id);
  row.site_id = site_id(row.site_id);
  writer_->put_object(row, totals);
}

void ProgramWriter::add_timer(store::TimerRow row) {
  row.object_id = id(row.object_id);
  row.task_id = id(row.task_id);
  row.site_id = site_id(row.site_id);
  writer_->add_timer(row, program_);
}

void ProgramWriter::add_leak(store::LeakRow row) {
  row.task_id = id(row.task_id);
  row.holder_id = id(row.holder_id);
  row.dropped_by = id(row.dropped_by);
  row.object_id = id(row.object_id);
  row.site_id = site_id(row.site_id);
  writer_->add_leak(row, program_);
}

void ProgramWriter::put_gc_cycle(store::GcCycleRow row) {
  row.id = id(row.id);
  row.task_id = id(row.task_id);
  writer_->put_gc_cycle(row);
}

void ProgramWriter::add_gc_phase(store::GcPhaseRow row) {
  row.cycle_id = id(row.cycle_id);
  row.worker_id = worker_id(row.worker_id);
  row.task_id = id(row.task_id);
  writer_->add_gc_phase(row, program_);
}

void ProgramWriter::put_escape_site(store::EscapeSiteRow row) {
  row.id = id(row.id);
  writer_->put_escape_site(row);
}

void ProgramWriter::put_name(store::NameRow row) {
  row.id = id(row.id);
  writer_->put_name(row);
}

void ProgramWriter::put_label(store::LabelRow row) {
  row.set_id = id(row.set_id);
  writer_->put_label(row);
}

void ProgramWriter::add_log(store::LogRow row) {
  row.worker_id = worker_id(row.worker_id);
  row.task_id = id(row.task_id);
  row.category_id = id(row.category_id);
  writer_->add_log(row, program_);
}

void ProgramWriter::put_counter(store::CounterRow row, store::Totals totals) {
  row.id = id(row.id);
  writer_->put_counter(row, totals);
}

void ProgramWriter::add_steal(store::StealRow row) {
  row.thief = worker_id(row.thief);
  row.victim = worker_id(row.victim);
  row.task_id = id(row.task_id);
  writer_->add_steal(row);
}

void ProgramWriter::add_park(store::ParkRow row) {
  row.worker_id = worker_id(row.worker_id);
  writer_->add_park(row);
}

void ProgramWriter::add_spin(store::ParkRow row) {
  row.worker_id = worker_id(row.worker_id);
  writer_->add_spin(row);
}

void ProgramWriter::add_lost(store::LostRow row) {
  row.worker_id = worker_id(row.worker_id);
  writer_->add_lost(row);
}

void ProgramWriter::put_module(store::ModuleRow row) {
  row.id = id(row.id);
  writer_->put_module(row, program_);
}

void ProgramWriter::put_stack(store::StackRow row) {
  row.id = id(row.id);
  writer_->put_stack(row);
}

void ProgramWriter::put_frame(store::FrameRow row) {
  row.stack_id = id(row.stack_id);
  row.module_id = id(row.module_id);
  writer_->put_frame(row);
}

void ProgramWriter::add_sample(store::SampleRow row) {
  row.worker_id = worker_id(row.worker_id);
  row.task_id = id(row.task_id);
  row.stack_id = id(row.stack_id);
  writer_->add_sample(row, program_);
}

std::int64_t ProgramWriter::put_chunk(std::int64_t row_id, const store::ChunkEncoder::Packed& chunk,
                                      store::WorkerId worker_id_of_ring) {
  return writer_->put_chunk(row_id, chunk, program_, worker_id(worker_id_of_ring));
}

}  // namespace taskscope::ingest
