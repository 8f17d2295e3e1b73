#include "app/report_text.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>
#include <string_view>
#include <vector>

#include "viewer/analysis/duration_text.h"

namespace taskscope::app {
namespace {

using analysis::bytes_text;
using analysis::count_text;
using analysis::duration_text;

constexpr std::size_t kPlaceWidth = 46;
constexpr std::size_t kFunctionWidth = 80;

double share(std::int64_t part, std::int64_t whole) {
  return whole <= 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

std::string percent(double value) {
  if (value > 0 && value < 0.001) return "<0.1 %";
  return fmt::format("{:.1f} %", 100 * value);
}

// What people call the program: its path without the folders. Of several, the first ones.
std::string program_name(const store::RecordingInfo& info) {
  constexpr std::size_t kNamesMax = 3;
  if (info.programs.size() < 2) return info.program.substr(info.program.rfind('/') + 1);
  const std::vector<std::string> names = store::program_names(info.programs);
  const std::size_t shown = std::min(names.size(), kNamesMax);
  std::string out;
  for (std::size_t i = 0; i < shown; ++i) {
    const bool last = i + 1 == names.size();
    out += (i == 0 ? "" : last ? " and " : ", ") + names[i];
  }
  return shown < names.size() ? fmt::format("{} and {} more", out, names.size() - shown) : out;
}

std::string utilisation(const analysis::Report& report) {
  const auto busy = std::accumulate(
      report.workers.begin(), report.workers.end(), std::int64_t{0},
      [](std::int64_t sum, const store::WorkerRow& row) { return sum + row.running_ns; });
  const auto capacity = report.info.duration_ns * static_cast<std::int64_t>(report.workers.size());
  return percent(share(busy, capacity));
}

std::string states_line(const store::StateTimes& state_ns) {
  const auto total = std::accumulate(state_ns.begin(), state_ns.end(), std::int64_t{0});
  std::string out;
  for (std::size_t s = 0; s < store::kSpanStates; ++s) {
    if (state_ns[s] == 0) continue;
    out +=
        fmt::format("{}{} {}", out.empty() ? "" : "   ", to_text(static_cast<store::TaskState>(s)),
                    percent(share(state_ns[s], total)));
  }
  return out.empty() ? "no task ran" : out;
}

std::string_view severity_colour(const Palette& palette, const store::FindingRow& row) {
  return row.severity == "severe" ? palette.red : palette.yellow;
}

// Text broken between words so that no line is over `columns` wide; all but the first indented.
std::string wrap(std::string_view text, std::size_t columns, std::string_view indent) {
  std::string out;
  std::size_t used = 0;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(' '), text.size());
    const std::string_view word = text.substr(0, end);
    const std::size_t width = text_width(word);
    if (used > 0 && used + 1 + width > columns) {
      out += '\n';
      out += indent;
      used = 0;
    } else if (used > 0) {
      out += ' ';
      ++used;
    }
    out += word;
    used += width;
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return out;
}

std::string findings_text(const analysis::Report& report, const Palette& colour,
                          std::size_t rows_max) {
  std::string out = fmt::format("{}Findings{}\n", colour.bold, colour.reset);
  if (report.findings.empty()) return out + "  none\n";
  std::size_t shown = 0;
  for (const store::FindingRow& row : report.findings) {
    if (shown++ == rows_max) {
      return out + fmt::format("  … and {} more (--all)\n", report.findings.size() - rows_max);
    }
    out += fmt::format("  {}{}{}, {} {}\n", severity_colour(colour, row), row.severity,
                       colour.reset, row.tier, row.kind);
    out += "    " + wrap(row.summary, 92, "    ") + "\n";
    if (!row.detail.empty()) {
      out += fmt::format("    {}{}{}\n", colour.dim, wrap(row.detail, 92, "    "), colour.reset);
    }
  }
  return out;
}

std::string blocking_text(const analysis::Report& report, const Palette& colour,
                          std::size_t rows_max) {
  if (report.top_blocking.empty()) return {};
  Table table({{"waited", true},
               {"waits", true},
               {"mean", true},
               {"longest", true},
               {"reason"},
               {"place", false, kPlaceWidth}});
  for (std::size_t i = 0; i < std::min(rows_max, report.top_blocking.size()); ++i) {
    const analysis::BlockingRow& row = report.top_blocking[i];
    table.add({duration_text(row.total_ns), count_text(row.waits),
               duration_text(row.total_ns / static_cast<std::int64_t>(row.waits)),
               duration_text(row.max_ns), std::string(to_text(row.reason)),
               report.short_place(row.site_id)});
  }
  return fmt::format("{}Where tasks waited{}\n", colour.bold, colour.reset) +
         table.text(colour, "  ");
}

// "serve() server.cpp:12"
std::string function_place(const store::CpuFunction& row) {
  if (row.file.empty()) return row.function;
  const std::string file = row.file.substr(row.file.rfind('/') + 1);
  return row.function + "  " + (row.line == 0 ? file : fmt::format("{}:{}", file, row.line));
}

std::string cpu_text(const analysis::Report& report, const Palette& colour, std::size_t rows_max) {
  const std::uint64_t lost = report.info.lost_samples;
  if (report.calls.functions.empty() && lost == 0) return {};
  const auto samples = static_cast<double>(report.calls.samples);
  Table table({{"self", true}, {"total", true}, {"function", false, kFunctionWidth}});
  for (std::size_t i = 0; i < std::min(rows_max, report.calls.functions.size()); ++i) {
    const store::CpuFunction& row = report.calls.functions[i];
    table.add({percent(static_cast<double>(row.self) / samples),
               percent(static_cast<double>(row.total) / samples), function_place(row)});
  }
  const std::string missing =
      lost == 0 ? "" : fmt::format(", {}{} lost{}", colour.yellow, count_text(lost), colour.reset);
  return fmt::format("{}Where CPU time went{} ({} samples{})\n", colour.bold, colour.reset,
                     count_text(report.calls.samples), missing) +
         (report.calls.functions.empty() ? "" : table.text(colour, "  "));
}

std::string stacks_text(const analysis::Report& report, const Palette& colour,
                        std::size_t rows_max) {
  if (report.calls.waits.empty()) return {};
  std::string out =
      fmt::format("{}By which calls tasks came to wait{}\n", colour.bold, colour.reset);
  for (std::size_t i = 0; i < std::min(rows_max, report.calls.waits.size()); ++i) {
    const store::StackWaits& row = report.calls.waits[i];
    out +=
        fmt::format("  {} in {} waits, the longest {}: {}\n      {}{}{}\n", duration_text(row.ns),
                    count_text(row.spans), duration_text(row.longest_ns), row.reason, colour.dim,
                    wrap(row.functions, kFunctionWidth, "      "), colour.reset);
  }
  return out;
}

std::string spawns_text(const analysis::Report& report, const Palette& colour,
                        std::size_t rows_max) {
  if (report.top_spawns.empty()) return {};
  Table table({{"tasks", true},
               {"not ended", true},
               {"running", true},
               {"runnable", true},
               {"waiting", true},
               {"started at", false, kPlaceWidth}});
  for (std::size_t i = 0; i < std::min(rows_max, report.top_spawns.size()); ++i) {
    const analysis::SpawnRow& row = report.top_spawns[i];
    table.add({count_text(row.tasks), count_text(row.unfinished), duration_text(row.running_ns),
               duration_text(row.runnable_ns), duration_text(row.waiting_ns),
               row.site_id == 0 ? "the program's start" : report.short_place(row.site_id)});
  }
  return fmt::format("{}Where tasks came from{}\n", colour.bold, colour.reset) +
         table.text(colour, "  ");
}

std::string regions_text(const analysis::Report& report, const Palette& colour,
                         std::size_t rows_max) {
  const std::vector<analysis::RegionTotals>& regions = report.annotations.regions;
  if (regions.empty()) return {};
  Table table({{"total", true},
               {"regions", true},
               {"mean", true},
               {"longest", true},
               {"an end unknown", true},
               {"name", false, kPlaceWidth}});
  for (std::size_t i = 0; i < std::min(rows_max, regions.size()); ++i) {
    const analysis::RegionTotals& row = regions[i];
    const std::uint64_t whole = row.regions - row.unknown;
    table.add({duration_text(row.total_ns), count_text(row.regions),
               whole == 0 ? "?" : duration_text(row.total_ns / static_cast<std::int64_t>(whole)),
               whole == 0 ? "?" : duration_text(row.max_ns), count_text(row.unknown),
               row.name.empty() ? "(unknown)" : row.name});
  }
  return fmt::format("{}Regions{}\n", colour.bold, colour.reset) + table.text(colour, "  ");
}

std::string counters_text(const analysis::Report& report, const Palette& colour,
                          std::size_t rows_max) {
  const std::vector<store::CounterRow>& counters = report.annotations.counters;
  if (counters.empty()) return {};
  const std::vector<std::string> programs = store::program_names(report.info.programs);
  const auto program_prefix = [&](store::NameId id) {
    const store::ProgramId program = store::program_of(id);
    return programs.size() > 1 && program <= programs.size() ? programs[program - 1] + ": " : "";
  };
  Table table({{"samples", true},
               {"least", true},
               {"most", true},
               {"last", true},
               {"counter", false, kPlaceWidth}});
  for (std::size_t i = 0; i < std::min(rows_max, counters.size()); ++i) {
    const store::CounterRow& row = counters[i];
    // While it is being recorded nothing is known of the values.
    const auto value = [&](std::int64_t number) {
      return row.samples == 0 ? std::string("?") : fmt::format("{}", number);
    };
    table.add(
        {row.samples == 0 ? "?" : count_text(row.samples), value(row.min), value(row.max),
         value(row.last),
         program_prefix(row.id) + row.name + (row.unit.empty() ? "" : " (" + row.unit + ")")});
  }
  return fmt::format("{}Counters{}\n", colour.bold, colour.reset) + table.text(colour, "  ");
}

std::string labels_text(const analysis::Report& report, const Palette& colour,
                        std::size_t rows_max) {
  const std::vector<store::LabelTotals>& labels = report.annotations.labels;
  if (labels.empty()) return {};
  Table table({{"tasks", true}, {"values", true}, {"label", false, kPlaceWidth}});
  for (std::size_t i = 0; i < std::min(rows_max, labels.size()); ++i) {
    const store::LabelTotals& row = labels[i];
    table.add({count_text(row.tasks), count_text(row.values), row.key});
  }
  return fmt::format("{}Labels{}\n", colour.bold, colour.reset) + table.text(colour, "  ");
}

// Of recordings of several programs.
std::string programs_text(const analysis::Report& report, const Palette& colour,
                          std::size_t rows_max) {
  const std::vector<store::ProgramRow>& programs = report.info.programs;
  if (programs.size() < 2) return {};
  const std::vector<std::string> names = store::program_names(programs);
  Table table({{"program"},
               {"pid", true},
               {"from", true},
               {"ran", true},
               {"workers", true},
               {"tasks", true},
               {"events", true},
               {"lost", true},
               {"end"}});
  for (std::size_t i = 0; i < std::min(rows_max, programs.size()); ++i) {
    const store::ProgramRow& row = programs[i];
    table.add({names[i], fmt::format("{}", row.pid), duration_text(row.started_ns),
               row.ended_ns ? duration_text(*row.ended_ns - row.started_ns) : "?",
               fmt::format("{}", row.workers), count_text(row.tasks), count_text(row.events),
               count_text(row.lost_events), row.exit_status});
  }
  return fmt::format("{}Programs{}\n", colour.bold, colour.reset) + table.text(colour, "  ");
}

std::string workers_text(const analysis::Report& report, const Palette& colour,
                         std::size_t rows_max) {
  if (report.workers.empty()) return {};
  const std::vector<std::string> names = store::program_names(report.info.programs);
  Table table({{"worker", true},
               {"running", true},
               {"busy", true},
               {"parked", true},
               {"events", true},
               {"steals", true}});
  for (std::size_t i = 0; i < std::min(rows_max, report.workers.size()); ++i) {
    const store::WorkerRow& row = report.workers[i];
    const store::ProgramId program = store::program_of_worker(row.id);
    const std::string of =
        names.size() > 1 && program <= names.size() ? names[program - 1] + " " : "";
    table.add({fmt::format("{}{}", of, store::own_worker_id(row.id)), duration_text(row.running_ns),
               percent(share(row.running_ns, report.info.duration_ns)),
               duration_text(row.parked_ns), count_text(row.events), count_text(row.steals)});
  }
  return fmt::format("{}Workers{}\n", colour.bold, colour.reset) + table.text(colour, "  ");
}

std::string memory_text(const analysis::Report& report, const Palette& colour,
                        std::size_t rows_max) {
  const analysis::CollectedMemory& memory = report.memory;
  if (memory.empty()) return {};
  const analysis::Collections& gc = memory.collections;
  std::string out = fmt::format("{}Collected memory{}\n", colour.bold, colour.reset);
  if (gc.count == 0) {
    out += "  no collection\n";
  } else {
    out += fmt::format("  {} collection{}{}: {} freed, {} live after the last\n",
                       count_text(gc.count), gc.count == 1 ? "" : "s",
                       gc.forced == 0 ? "" : fmt::format(" ({} asked for)", count_text(gc.forced)),
                       bytes_text(gc.freed_bytes), bytes_text(gc.live_bytes));
    out += fmt::format("  no task ran for {} in all; the longest pause was {}\n",
                       duration_text(gc.pause_ns), duration_text(gc.longest_pause_ns));
  }
  std::size_t shown = 0;
  for (const store::EscapeSiteRow& site : memory.sites) {
    if (site.escaped == 0) break;
    if (shown++ == rows_max) return out + "  … and more (--escapes)\n";
    const std::string file = site.file.substr(site.file.rfind('/') + 1);
    out += fmt::format("  {}:{}: {}\n", file, site.line, analysis::escape_text(site));
  }
  return out;
}

std::string head_text(const analysis::Report& report, const Palette& colour) {
  const store::RecordingInfo& info = report.info;
  std::string out = fmt::format("{}{}{}: {} on {} worker{} ({} busy)", colour.bold,
                                program_name(info), colour.reset, duration_text(info.duration_ns),
                                info.workers, info.workers == 1 ? "" : "s", utilisation(report));
  if (!info.exit_status.empty()) out += ", " + info.exit_status;
  if (!info.ended_by.empty()) out += "\nThe recording was ended by " + info.ended_by + ".";
  out += fmt::format("\n{} tasks, {} events", count_text(info.tasks), count_text(info.events));
  if (info.lost_events > 0) {
    out += fmt::format(", {}{} events lost: the recorder could not keep up{}", colour.red,
                       count_text(info.lost_events), colour.reset);
  } else {
    out += ", none lost";
  }
  if (!info.complete) {
    out += fmt::format("\n{}Incomplete: the recorder was stopped before it could finish.{}",
                       colour.yellow, colour.reset);
  }
  return out + "\n";
}

}  // namespace

std::string report_text(const analysis::Report& report, const Palette& palette,
                        std::size_t rows_max) {
  std::vector<std::string> parts;
  parts.push_back(head_text(report, palette));
  parts.push_back(programs_text(report, palette, rows_max));
  parts.push_back(findings_text(report, palette, rows_max));
  parts.push_back(fmt::format(
      "{}States of all tasks{}\n  {}\n  waiting for a worker: median {}, p99 {}, longest {}\n",
      palette.bold, palette.reset, states_line(report.state_ns),
      duration_text(report.runnable_p50_ns), duration_text(report.runnable_p99_ns),
      duration_text(report.runnable_max_ns)));
  parts.push_back(cpu_text(report, palette, rows_max));
  parts.push_back(blocking_text(report, palette, rows_max));
  parts.push_back(stacks_text(report, palette, rows_max));
  parts.push_back(regions_text(report, palette, rows_max));
  parts.push_back(counters_text(report, palette, rows_max));
  parts.push_back(labels_text(report, palette, rows_max));
  parts.push_back(memory_text(report, palette, rows_max));
  parts.push_back(spawns_text(report, palette, rows_max));
  parts.push_back(workers_text(report, palette, rows_max));
  std::string out;
  for (const std::string& part : parts) {
    if (part.empty()) continue;
    if (!out.empty()) out += '\n';
    out += part;
  }
  return out;
}

std::string escapes_text(const analysis::CollectedMemory& memory, const std::string& folder) {
  if (memory.sites.empty()) {
    return "No collected object was made: the program has not called ts::make.\n";
  }
  std::string out;
  for (const store::EscapeSiteRow& site : memory.sites) {
    const bool below = site.file.starts_with(folder + "/");
    const std::string file = below ? site.file.substr(folder.size() + 1) : site.file;
    out += fmt::format("{}:{}: {}\n", file, site.line, analysis::escape_text(site));
  }
  return out;
}

std::string record_summary_text(const analysis::Report& report, const std::string& path,
                                const Palette& palette) {
  const store::RecordingInfo& info = report.info;
  const auto unfinished = std::accumulate(
      report.top_spawns.begin(), report.top_spawns.end(), std::uint64_t{0},
      [](std::uint64_t sum, const analysis::SpawnRow& row) { return sum + row.unfinished; });
  std::string out = fmt::format("{}Recorded {}{} in {} ({})\n", palette.bold, program_name(info),
                                palette.reset, path, bytes_text(info.bytes));
  const auto line = [&](std::string_view key, const std::string& value) {
    out += fmt::format("  {}{:<10}{}{}\n", palette.dim, key, palette.reset, value);
  };
  line("ran", fmt::format("{}, {}", duration_text(info.duration_ns),
                          info.exit_status.empty() ? "still running" : info.exit_status));
  if (!info.ended_by.empty()) line("ended by", info.ended_by);
  if (info.programs.size() > 1) line("programs", fmt::format("{}", info.programs.size()));
  line("tasks", fmt::format("{}, {} not ended", count_text(info.tasks), count_text(unfinished)));
  line("events", fmt::format("{}, {}{} lost{}", count_text(info.events),
                             info.lost_events > 0 ? palette.red : "", count_text(info.lost_events),
                             info.lost_events > 0 ? palette.reset : ""));
  line("workers", fmt::format("{}, {} busy", info.workers, utilisation(report)));
  if (!info.notes.empty()) {
    const std::string first = info.notes.substr(0, info.notes.find('\n'));
    const auto more = std::count(info.notes.begin(), info.notes.end(), '\n');
    line("notes", wrap(more == 0 ? first : fmt::format("{} ({} more: info)", first, more), 80,
                       "            "));
  }
  line("states", states_line(report.state_ns));
  if (report.findings.empty()) {
    line("findings", "none");
  } else {
    const store::FindingRow& worst = report.findings.front();
    line("findings",
         fmt::format("{}{} ({}){}: {}", severity_colour(palette, worst), report.findings.size(),
                     worst.severity, palette.reset, wrap(worst.summary, 80, "            ")));
  }
  line("next", fmt::format("taskscope {}   or   taskscope report {}", path, path));
  return out;
}

}  // namespace taskscope::app
