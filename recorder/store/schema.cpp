#include "recorder/store/schema.h"

namespace taskscope::store {

const char* const kSchemaSql = R"sql(
CREATE TABLE meta(key TEXT PRIMARY KEY, value) WITHOUT ROWID;
CREATE TABLE program(
  id INTEGER PRIMARY KEY, pid INTEGER, name TEXT, command TEXT, started_ns INTEGER,
  ended_ns INTEGER, exit_status TEXT, workers INTEGER, tasks INTEGER, events INTEGER,
  lost_events INTEGER);
CREATE TABLE site(
  id INTEGER PRIMARY KEY, file TEXT, line INTEGER, function TEXT, program_id INTEGER);
CREATE TABLE task(
  id INTEGER PRIMARY KEY, name TEXT, parent_id INTEGER, spawn_site_id INTEGER, scope_id INTEGER,
  created_ns INTEGER, ended_ns INTEGER, state TEXT,
  running_ns INTEGER, runnable_ns INTEGER, blocked_ns INTEGER, syscall_ns INTEGER,
  sleeping_ns INTEGER, wakeups INTEGER, steals INTEGER, stack_bytes INTEGER, leak_tier TEXT,
  panic_message TEXT, program_id INTEGER, label_set_id INTEGER, spawn_stack_id INTEGER);
CREATE INDEX task_by_label_set ON task(label_set_id) WHERE label_set_id IS NOT NULL;
CREATE TABLE worker(
  id INTEGER PRIMARY KEY, thread_id INTEGER, running_ns INTEGER, syscall_ns INTEGER,
  spinning_ns INTEGER, parked_ns INTEGER, events INTEGER, steals INTEGER, program_id INTEGER);
CREATE TABLE thread(id INTEGER PRIMARY KEY, os_id INTEGER);
CREATE TABLE object(
  id INTEGER PRIMARY KEY, kind TEXT, name TEXT, site_id INTEGER, capacity INTEGER,
  created_ns INTEGER, destroyed_ns INTEGER, waits INTEGER, wait_ns INTEGER,
  program_id INTEGER);
CREATE TABLE timer(
  kind TEXT, object_id INTEGER, task_id INTEGER, site_id INTEGER, told_ns INTEGER, due_ns INTEGER,
  period_ns INTEGER, program_id INTEGER);
CREATE TABLE leak(
  ns INTEGER, group_id INTEGER, kind TEXT, tier TEXT, task_id INTEGER, holder_id INTEGER,
  is_victim INTEGER, dropped_by INTEGER, dropped_ns INTEGER, dropped_at TEXT, dropped_in TEXT,
  held_bytes INTEGER, since_ns INTEGER, reason TEXT, object_id INTEGER, site_id INTEGER,
  program_id INTEGER);
CREATE TABLE gc_cycle(
  id INTEGER PRIMARY KEY, start_ns INTEGER, end_ns INTEGER, forced INTEGER, before_bytes INTEGER,
  goal_bytes INTEGER, live_bytes INTEGER, live_objects INTEGER, freed_bytes INTEGER,
  next_goal_bytes INTEGER, task_id INTEGER, program_id INTEGER);
CREATE TABLE gc_phase(
  cycle_id INTEGER, phase TEXT, start_ns INTEGER, end_ns INTEGER, worker_id INTEGER,
  task_id INTEGER, program_id INTEGER);
CREATE TABLE escape_site(
  id INTEGER PRIMARY KEY, file TEXT, line INTEGER, function TEXT, type TEXT, stayed INTEGER,
  escaped INTEGER, heap INTEGER, bytes INTEGER, escaped_bytes INTEGER, learned INTEGER,
  program_id INTEGER);
CREATE TABLE escape_reason(
  site_id INTEGER, reason TEXT, objects INTEGER, PRIMARY KEY(site_id, reason)) WITHOUT ROWID;
CREATE TABLE name(id INTEGER PRIMARY KEY, text TEXT, program_id INTEGER);
CREATE TABLE label_set(
  id INTEGER, key TEXT, value TEXT, program_id INTEGER, PRIMARY KEY(id, key)) WITHOUT ROWID;
CREATE TABLE log(
  ns INTEGER, worker_id INTEGER, task_id INTEGER, category TEXT, message TEXT,
  program_id INTEGER);
CREATE TABLE counter(
  id INTEGER PRIMARY KEY, name TEXT, unit TEXT, samples INTEGER, min INTEGER, max INTEGER,
  last INTEGER, program_id INTEGER);
CREATE TABLE steal(ns INTEGER, thief INTEGER, victim INTEGER, count INTEGER, task_id INTEGER);
CREATE TABLE park(worker_id INTEGER, start_ns INTEGER, end_ns INTEGER);
CREATE TABLE spin(worker_id INTEGER, start_ns INTEGER, end_ns INTEGER);
CREATE TABLE lost(worker_id INTEGER, start_ns INTEGER, end_ns INTEGER, events INTEGER);
CREATE TABLE module(
  id INTEGER PRIMARY KEY, path TEXT, build_id TEXT, bias INTEGER, first_address INTEGER,
  end_address INTEGER, program_id INTEGER);
CREATE TABLE stack(id INTEGER PRIMARY KEY, kind TEXT, addresses TEXT, program_id INTEGER);
CREATE TABLE frame(
  stack_id INTEGER, depth INTEGER, site_id INTEGER, address INTEGER, module_id INTEGER,
  inlined INTEGER, runtime INTEGER, PRIMARY KEY(stack_id, depth)) WITHOUT ROWID;
CREATE TABLE sample(
  ns INTEGER, worker_id INTEGER, thread_id INTEGER, task_id INTEGER, stack_id INTEGER,
  program_id INTEGER);
CREATE TABLE finding(
  id INTEGER PRIMARY KEY, kind TEXT, tier TEXT, severity TEXT, summary TEXT, detail TEXT,
  task_id INTEGER, object_id INTEGER, spawn_site_id INTEGER, wait_site_id INTEGER,
  count INTEGER, first_ns INTEGER, last_ns INTEGER);
CREATE TABLE chunk(
  id INTEGER PRIMARY KEY, worker_id INTEGER, start_ns INTEGER, end_ns INTEGER,
  events INTEGER, spans INTEGER, kind_mask INTEGER, longest_span_ns INTEGER,
  running_ns INTEGER, runnable_ns INTEGER, blocked_ns INTEGER, syscall_ns INTEGER,
  sleeping_ns INTEGER, program_id INTEGER, raw_bytes INTEGER, data BLOB);
)sql";

}  // namespace taskscope::store
