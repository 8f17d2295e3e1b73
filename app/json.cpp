#include "app/json.h"

#include <algorithm>
#include <string>

namespace taskscope::app {
namespace {

Json text_or_null(const std::string& text) { return text.empty() ? Json() : Json(text); }

Json finding_json(const store::FindingRow& row, const analysis::Report& report) {
  const auto id_or_null = [](std::uint64_t id) { return id == 0 ? Json() : Json(id); };
  const auto place_or_null = [&](store::SiteId id) {
    return id == 0 ? Json() : Json(report.place(id));
  };
  return Json{{"id", row.id},
              {"kind", row.kind},
              {"tier", row.tier},
              {"severity", row.severity},
              {"summary", row.summary},
              {"detail", row.detail},
              {"task_id", id_or_null(row.task_id)},
              {"object_id", id_or_null(row.object_id)},
              {"spawn_site", place_or_null(row.spawn_site_id)},
              {"wait_site", place_or_null(row.wait_site_id)},
              {"count", row.count},
              {"first_ns", row.first_ns},
              {"last_ns", row.last_ns}};
}

}  // namespace

Json to_json(const store::RecordingInfo& info) {
  Json programs = Json::array();
  for (const store::ProgramRow& row : info.programs) {
    programs.push_back({{"id", row.id},
                        {"pid", row.pid},
                        {"name", row.name},
                        {"command", text_or_null(row.command)},
                        {"started_ns", row.started_ns},
                        {"ended_ns", row.ended_ns ? Json(*row.ended_ns) : Json()},
                        {"exit_status", text_or_null(row.exit_status)},
                        {"workers", row.workers},
                        {"tasks", row.tasks},
                        {"events", row.events},
                        {"lost_events", row.lost_events}});
  }
  return Json{{"format", info.format},
              {"source", info.source},
              {"program", info.program},
              {"command", info.command},
              {"programs", std::move(programs)},
              {"started", text_or_null(info.started)},
              {"duration_ns", info.duration_ns},
              {"kept_from_ns", info.kept_from_ns},
              {"dropped_events", info.dropped_events},
              {"complete", info.complete},
              {"exit_status", text_or_null(info.exit_status)},
              {"ended_by", text_or_null(info.ended_by)},
              {"notes", text_or_null(info.notes)},
              {"events", info.events},
              {"tasks", info.tasks},
              {"workers", info.workers},
              {"threads", info.threads},
              {"lost_events", info.lost_events},
              {"lost_samples", info.lost_samples},
              {"findings", info.findings},
              {"bytes", info.bytes}};
}

namespace {

void add_annotations(Json& json, const analysis::Annotations& said) {
  Json regions = Json::array();
  for (const analysis::RegionTotals& row : said.regions) {
    regions.push_back({{"name", text_or_null(row.name)},
                       {"regions", row.regions},
                       {"total_ns", row.total_ns},
                       {"max_ns", row.max_ns},
                       {"unknown", row.unknown}});
  }
  Json counters = Json::array();
  for (const store::CounterRow& row : said.counters) {
    // While it is being recorded nothing is known of the values.
    const auto value = [&](std::int64_t number) {
      return row.samples == 0 ? Json() : Json(number);
    };
    counters.push_back({{"id", row.id},
                        {"program_id", store::program_of(row.id)},
                        {"name", text_or_null(row.name)},
                        {"unit", text_or_null(row.unit)},
                        {"samples", row.samples == 0 ? Json() : Json(row.samples)},
                        {"min", value(row.min)},
                        {"max", value(row.max)},
                        {"last", value(row.last)}});
  }
  Json labels = Json::array();
  for (const store::LabelTotals& row : said.labels) {
    labels.push_back({{"key", row.key}, {"values", row.values}, {"tasks", row.tasks}});
  }
  json["regions"] = std::move(regions);
  json["counters"] = std::move(counters);
  json["labels"] = std::move(labels);
  json["logs"] = said.logs;
}

void add_calls(Json& json, const analysis::CallProfile& calls) {
  Json functions = Json::array();
  for (const store::CpuFunction& row : calls.functions) {
    functions.push_back({{"function", row.function},
                         {"file", row.file.empty() ? Json() : Json(row.file)},
                         {"line", row.line == 0 ? Json() : Json(row.line)},
                         {"self", row.self},
                         {"total", row.total}});
  }
  Json waits = Json::array();
  for (const store::StackWaits& row : calls.waits) {
    waits.push_back({{"stack_id", row.stack_id},
                     {"reason", row.reason},
                     {"waits", row.spans},
                     {"tasks", row.tasks},
                     {"total_ns", row.ns},
                     {"max_ns", row.longest_ns},
                     {"functions", row.functions}});
  }
  json["samples"] = calls.samples;
  json["cpu_functions"] = std::move(functions);
  json["waits_by_stack"] = std::move(waits);
}

void add_memory(Json& json, const analysis::CollectedMemory& memory) {
  const analysis::Collections& gc = memory.collections;
  json["collected_memory"] = Json{{"collections", gc.count},
                                  {"forced", gc.forced},
                                  {"freed_bytes", gc.freed_bytes},
                                  {"live_bytes", gc.live_bytes},
                                  {"pauses", gc.pauses},
                                  {"pause_ns", gc.pause_ns},
                                  {"longest_pause_ns", gc.longest_pause_ns},
                                  {"escape_sites", to_json(memory.sites)}};
}

}  // namespace

Json to_json(const std::vector<store::EscapeSiteRow>& sites) {
  Json all = Json::array();
  for (const store::EscapeSiteRow& site : sites) {
    Json reasons = Json::object();
    for (std::size_t reason = 0; reason < site.reasons.size(); ++reason) {
      if (site.reasons[reason] == 0) continue;
      reasons[std::string(to_text(static_cast<store::EscapeReason>(reason)))] =
          site.reasons[reason];
    }
    all.push_back({{"file", site.file},
                   {"line", site.line},
                   {"function", text_or_null(site.function)},
                   {"type", site.type},
                   {"objects", site.objects()},
                   {"stayed", site.stayed},
                   {"escaped", site.escaped},
                   {"outside_scopes", site.heap},
                   {"bytes", site.bytes},
                   {"escaped_bytes", site.escaped_bytes},
                   {"reasons", std::move(reasons)},
                   {"learned", site.learned}});
  }
  return all;
}

Json to_json(const analysis::Report& report) {
  Json states = Json::object();
  for (std::size_t s = 0; s < store::kSpanStates; ++s) {
    states[std::string(to_text(static_cast<store::TaskState>(s)))] = report.state_ns[s];
  }
  Json blocking = Json::array();
  for (const analysis::BlockingRow& row : report.top_blocking) {
    blocking.push_back({{"site", row.site_id == 0 ? Json() : Json(report.place(row.site_id))},
                        {"reason", to_text(row.reason)},
                        {"waits", row.waits},
                        {"total_ns", row.total_ns},
                        {"max_ns", row.max_ns},
                        {"unfinished", row.unfinished}});
  }
  Json spawns = Json::array();
  for (const analysis::SpawnRow& row : report.top_spawns) {
    spawns.push_back({{"site", row.site_id == 0 ? Json() : Json(report.place(row.site_id))},
                      {"tasks", row.tasks},
                      {"unfinished", row.unfinished},
                      {"running_ns", row.running_ns},
                      {"runnable_ns", row.runnable_ns},
                      {"waiting_ns", row.waiting_ns}});
  }
  Json findings = Json::array();
  for (const auto& row : report.findings) findings.push_back(finding_json(row, report));
  Json json{{"summary", to_json(report.info)},
            {"findings", std::move(findings)},
            {"states", std::move(states)},
            {"scheduling_latency_ns",
             {{"p50", report.runnable_p50_ns},
              {"p99", report.runnable_p99_ns},
              {"max", report.runnable_max_ns}}},
            {"top_blocking", std::move(blocking)},
            {"top_spawns", std::move(spawns)}};
  add_annotations(json, report.annotations);
  add_calls(json, report.calls);
  add_memory(json, report.memory);
  return json;
}

std::string json_text(const Json& json) {
  return json.dump(2, ' ', false, Json::error_handler_t::replace) + "\n";
}

}  // namespace taskscope::app
