#include "recorder/store/sql_views.h"

namespace taskscope::store {
namespace {

constexpr const char* kViewsSql = R"sql(
CREATE TEMP VIEW IF NOT EXISTS blocking AS
  SELECT coalesce(site.file || ':' || site.line, '?') AS place, site.function AS function,
    waits.reason AS reason, waits.spans AS spans, waits.tasks AS tasks, waits.ns AS ns,
    waits.longest_ns AS longest_ns
  FROM (SELECT site_id, reason, count(*) AS spans, count(DISTINCT task_id) AS tasks,
      sum(end_ns - start_ns) AS ns, max(end_ns - start_ns) AS longest_ns
    FROM span WHERE state = 'blocked' GROUP BY site_id, reason) AS waits
  LEFT JOIN site ON site.id = waits.site_id ORDER BY ns DESC;
CREATE TEMP VIEW IF NOT EXISTS scheduler_latency AS
  SELECT count(*) AS spans, percentile(end_ns - start_ns, 50) AS p50_ns,
    percentile(end_ns - start_ns, 90) AS p90_ns, percentile(end_ns - start_ns, 99) AS p99_ns,
    percentile(end_ns - start_ns, 99.9) AS p999_ns, max(end_ns - start_ns) AS max_ns
  FROM span WHERE state = 'runnable' AND finished;
CREATE TEMP VIEW IF NOT EXISTS wakeup AS
  SELECT end_ns AS ns, woken_by AS waker_id, task_id, worker_id, reason, object_id, site_id,
    end_ns - start_ns AS waited_ns, waker_kind
  FROM span WHERE state = 'blocked' AND finished;
CREATE TEMP VIEW IF NOT EXISTS arm AS
  SELECT ns, task_id, CASE arg)sql"
#define TASKSCOPE_ARM_OPERATION(number, name, text) " WHEN " #number " THEN '" text "'"
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_ARM_OPERATION
                                  R"sql( END AS operation, object_id
  FROM event WHERE kind = 'arm';
CREATE TEMP VIEW IF NOT EXISTS chosen_arm AS
  SELECT ns, task_id, CASE arg)sql"
#define TASKSCOPE_ARM_OPERATION(number, name, text) " WHEN " #number " THEN '" text "'"
#include "runtime/trace_format/events.def"
#undef TASKSCOPE_ARM_OPERATION
                                  R"sql( END AS operation, object_id
  FROM event WHERE kind = 'chosen';
CREATE TEMP VIEW IF NOT EXISTS call AS
  SELECT frame.stack_id AS stack_id, frame.depth AS depth, site.function AS function,
    site.file AS file, site.line AS line, module.path AS module, frame.inlined AS inlined,
    frame.runtime AS runtime, frame.site_id AS site_id
  FROM frame LEFT JOIN site ON site.id = frame.site_id
  LEFT JOIN module ON module.id = frame.module_id;
CREATE TEMP VIEW IF NOT EXISTS stack_text AS
  SELECT stack.id AS stack_id, coalesce((SELECT group_concat(function, ' < ') FROM
    (SELECT function FROM call WHERE stack_id = stack.id AND NOT runtime ORDER BY depth)),
    stack.addresses) AS functions
  FROM stack;
CREATE TEMP VIEW IF NOT EXISTS blocked_by_stack AS
  SELECT waits.stack_id AS stack_id, waits.reason AS reason, waits.spans AS spans,
    waits.tasks AS tasks, waits.ns AS ns, waits.longest_ns AS longest_ns,
    stack_text.functions AS functions
  FROM (SELECT stack_id, reason, count(*) AS spans, count(DISTINCT task_id) AS tasks,
      sum(end_ns - start_ns) AS ns, max(end_ns - start_ns) AS longest_ns
    FROM span WHERE state IN ('blocked', 'sleeping') GROUP BY stack_id, reason) AS waits
  JOIN stack_text ON stack_text.stack_id = waits.stack_id ORDER BY ns DESC;
CREATE TEMP VIEW IF NOT EXISTS spawned_by_stack AS
  SELECT spawns.stack_id AS stack_id, spawns.tasks AS tasks, stack_text.functions AS functions
  FROM (SELECT spawn_stack_id AS stack_id, count(*) AS tasks FROM task
    WHERE spawn_stack_id IS NOT NULL GROUP BY spawn_stack_id) AS spawns
  JOIN stack_text ON stack_text.stack_id = spawns.stack_id ORDER BY tasks DESC;
CREATE TEMP VIEW IF NOT EXISTS cpu_by_function AS
  WITH stacks AS MATERIALIZED (SELECT stack_id, count(*) AS samples FROM sample GROUP BY stack_id),
    total AS (SELECT function, file, min(runtime) AS runtime, sum(samples) AS samples FROM
      (SELECT stacks.stack_id, samples, function, file, min(runtime) AS runtime FROM stacks
        JOIN call ON call.stack_id = stacks.stack_id GROUP BY 1, 2, 3, 4) GROUP BY 1, 2),
    line AS (SELECT function, file, line, sum(samples) AS samples FROM stacks
      JOIN call ON call.stack_id = stacks.stack_id AND depth = 0 GROUP BY function, file, line),
    own AS (SELECT function, file, sum(samples) AS samples, max(samples) AS most, line FROM line
      GROUP BY function, file)
  SELECT total.function AS function, total.file AS file, own.line AS hottest_line,
    coalesce(own.samples, 0) AS self, total.samples AS total,
    round(100.0 * coalesce(own.samples, 0) / (SELECT count(*) FROM sample), 1) AS self_percent,
    round(100.0 * total.samples / (SELECT count(*) FROM sample), 1) AS total_percent,
    total.runtime AS runtime
  FROM total LEFT JOIN own ON own.function = total.function AND own.file IS total.file
  ORDER BY self DESC, total DESC, total.function;
CREATE TEMP VIEW IF NOT EXISTS cpu_by_task AS
  SELECT sample.task_id AS task_id, task.name AS name, count(*) AS samples,
    round(100.0 * count(*) / (SELECT count(*) FROM sample), 1) AS percent
  FROM sample LEFT JOIN task ON task.id = sample.task_id GROUP BY sample.task_id
  ORDER BY samples DESC, sample.task_id;
CREATE TEMP VIEW IF NOT EXISTS gc AS
  SELECT cycle.id AS cycle_id, cycle.forced AS forced, cycle.start_ns AS start_ns,
    cycle.end_ns AS end_ns, coalesce(phases.pause_ns, 0) AS pause_ns,
    phases.longest_pause_ns AS longest_pause_ns, phases.mark_ns AS mark_ns,
    phases.sweep_ns AS sweep_ns, cycle.before_bytes AS before_bytes,
    cycle.live_bytes AS live_bytes, cycle.freed_bytes AS freed_bytes,
    cycle.goal_bytes AS goal_bytes, cycle.task_id AS task_id
  FROM gc_cycle AS cycle LEFT JOIN (SELECT cycle_id,
      sum(iif(phase = 'pause', end_ns - start_ns, 0)) AS pause_ns,
      max(iif(phase = 'pause', end_ns - start_ns, NULL)) AS longest_pause_ns,
      sum(iif(phase = 'mark', end_ns - start_ns, 0)) AS mark_ns,
      sum(iif(phase = 'sweep', end_ns - start_ns, 0)) AS sweep_ns
    FROM gc_phase GROUP BY cycle_id) AS phases ON phases.cycle_id = cycle.id ORDER BY cycle.id;
CREATE TEMP VIEW IF NOT EXISTS gc_pause AS
  SELECT cycle_id, start_ns, end_ns, end_ns - start_ns AS ns
  FROM gc_phase WHERE phase = 'pause' ORDER BY ns DESC, start_ns;
CREATE TEMP VIEW IF NOT EXISTS escapes AS
  SELECT site.file || ':' || site.line AS place, site.function AS function, site.type AS type,
    site.escaped AS escaped, site.stayed + site.escaped + site.heap AS objects,
    site.escaped_bytes AS escaped_bytes,
    (SELECT group_concat(reason, ', ') FROM (SELECT reason FROM escape_reason
      WHERE site_id = site.id ORDER BY objects DESC, reason)) AS reasons, site.learned AS learned
  FROM escape_site AS site ORDER BY site.escaped_bytes DESC, site.escaped DESC, site.id;
CREATE TEMP VIEW IF NOT EXISTS drive AS
  SELECT worker_id, arg AS thread_id, ns AS start_ns,
    lead(ns) OVER (PARTITION BY worker_id ORDER BY ns) AS end_ns
  FROM event WHERE kind = 'worker-start';
CREATE TEMP VIEW IF NOT EXISTS label AS
  SELECT task.id AS task_id, label_set.key AS key, label_set.value AS value
  FROM task JOIN label_set ON label_set.id = task.label_set_id;
CREATE TEMP VIEW IF NOT EXISTS label_change AS
  SELECT ns, task_id, nullif(arg, 0) AS label_set_id FROM event WHERE kind = 'label';
CREATE TEMP VIEW IF NOT EXISTS scheduler_counter AS
  SELECT ns, 'local queue' AS name, worker_id, arg AS value
    FROM event WHERE kind = 'queue-length'
  UNION ALL SELECT ns, 'global queue', NULL, arg2 FROM event WHERE kind = 'queue-length'
  UNION ALL SELECT ns, 'workers', NULL, arg FROM event WHERE kind = 'worker-count';
)sql";

}  // namespace

int create_views(sqlite3* database) {
  return sqlite3_exec(database, kViewsSql, nullptr, nullptr, nullptr);
}

}  // namespace taskscope::store
