// `taskscope info FILE`: what a recording holds.
#include <fmt/format.h>

#include <memory>
#include <string>
#include <vector>

#include "app/commands.h"
#include "app/json.h"
#include "app/terminal.h"
#include "recorder/store/reader.h"
#include "viewer/analysis/annotations.h"
#include "viewer/analysis/duration_text.h"

namespace taskscope::app {
namespace {

struct Options {
  std::string path;
  bool json = false;
};

std::string as_text(const store::RecordingInfo& info, const analysis::Annotations& said) {
  const Palette colour = stdout_palette();
  std::string out;
  const auto line = [&](std::string_view key, const std::string& value) {
    if (!value.empty()) {
      out += fmt::format("{}{:<12}{}{}\n", colour.dim, key, colour.reset, value);
    }
  };
  line("program", info.programs.size() > 1 ? "" : info.program);
  const std::vector<std::string> names = store::program_names(info.programs);
  for (std::size_t i = 0; i < names.size() && names.size() > 1; ++i) {
    const store::ProgramRow& row = info.programs[i];
    line(i == 0 ? fmt::format("{} programs", names.size()) : std::string(),
         fmt::format("{} (process {}): {} from {} on, {} tasks, {} events{}{}", names[i], row.pid,
                     row.ended_ns ? analysis::duration_text(*row.ended_ns - row.started_ns) : "?",
                     analysis::duration_text(row.started_ns), analysis::count_text(row.tasks),
                     analysis::count_text(row.events), row.exit_status.empty() ? "" : ", ",
                     row.exit_status));
  }
  line("command", info.command == info.program ? "" : info.command);
  line("started", info.started);
  line("duration", analysis::duration_text(info.duration_ns));
  line("ended", info.exit_status);
  line("ended by", info.ended_by);
  line("complete", info.complete
                       ? "yes"
                       : "no: the recorder was stopped before it could finish; the file holds "
                         "everything up to its last commit");
  if (info.dropped_events > 0) {
    line("kept", fmt::format("from {} on; {} events before that were dropped",
                             analysis::duration_text(info.kept_from_ns),
                             analysis::count_text(info.dropped_events)));
  }
  line("notes", info.notes);
  line("tasks", analysis::count_text(info.tasks));
  line("events", analysis::count_text(info.events));
  line("lost events", analysis::count_text(info.lost_events));
  // What few programs have is said of those only.
  const auto some = [&](std::string_view key, std::uint64_t count) {
    if (count > 0) line(key, analysis::count_text(count));
  };
  some("lost samples", info.lost_samples);
  some("regions", said.region_count());
  some("logs", said.logs);
  some("counters", said.counters.size());
  some("labels", said.labels.size());
  line("workers", fmt::format("{} on {} threads", info.workers, info.threads));
  line("findings", analysis::count_text(info.findings));
  line("format", info.format);
  line("source", info.source);
  line("size", analysis::bytes_text(info.bytes));
  return out;
}

int run_info(const Options& options) {
  const auto reader = store::Reader::open(options.path);
  if (!reader) {
    print_error(reader.error().message);
    return kExitFailed;
  }
  const auto said = analysis::read_annotations(*reader);
  if (!said) {
    print_error(said.error().message);
    return kExitFailed;
  }
  print_out(options.json ? json_text(to_json(reader->info())) : as_text(reader->info(), *said));
  return kExitFine;
}

}  // namespace

void add_info(CLI::App& app, int& exit_code) {
  auto options = std::make_shared<Options>();  // shared: CLI11 copies its callbacks
  CLI::App* command = app.add_subcommand("info", "What a recording holds");
  command->add_option("FILE", options->path, "A recording (.tscope)")->required();
  command->add_flag("--json", options->json, "Print a JSON object");
  command->footer("");
  command->callback([options, &exit_code] { exit_code = run_info(*options); });
}

}  // namespace taskscope::app
