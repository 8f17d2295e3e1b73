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
