#include "recorder/store/pprof_export.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <map>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include <protozero/pbf_writer.hpp>

#include "recorder/store/new_file.h"
#include "recorder/store/query_rows.h"
#include "recorder/store/reader.h"
#include "recorder/store/stack_table.h"
#include "runtime/base/unique_fd.h"

namespace taskscope::store {
namespace {

using protozero::pbf_writer;

// The numbers of fields in profile.proto.
enum ProfileField : std::uint32_t {
  kSampleType = 1,
  kSample = 2,
  kLocation = 4,
  kFunction = 5,
  kStringTable = 6,
  kDurationNanos = 10,
  kPeriodType = 11,
  kPeriod = 12,
  kComment = 13,
  kDefaultSampleType = 14,
};
enum ValueTypeField : std::uint32_t { kType = 1, kUnit = 2 };
enum SampleField : std::uint32_t { kLocationIds = 1, kValues = 2, kLabel = 3 };
enum LabelField : std::uint32_t { kKey = 1, kText = 2, kNumber = 3 };
enum LocationField : std::uint32_t { kLocationId = 1, kLine = 4 };
enum LineField : std::uint32_t { kLineFunction = 1, kLineNumber = 2 };
enum FunctionField : std::uint32_t { kFunctionId = 1, kName = 2, kSystemName = 3, kFileName = 4 };

// What a kind of profile counts and where it comes from. Each row of the query is a sample: stack,
// count, nanoseconds, task, and the label that only this kind has.
struct Source {
  const char* count;
  const char* duration;  // nullptr: there are no nanoseconds
  const char* label;     // nullptr: none
  bool label_is_number;
  const char* sql;
  const char* none;  // said of a recording without any
  StackTable::Inner inner;
};

Source source_of(PprofKind kind) {
  switch (kind) {
    case PprofKind::Cpu:
      return {"samples",
              nullptr,
              "worker",
              true,
              "SELECT stack_id, count(*) AS count, 0 AS ns, task_id, worker_id AS label FROM sample"
              " WHERE stack_id IS NOT NULL GROUP BY stack_id, task_id, worker_id",
              "has no samples; record with --samples",
              StackTable::Inner::All};
    case PprofKind::Block:
      return {"contentions",
              "delay",
              "reason",
              false,
              "SELECT stack_id, count(*) AS count, sum(end_ns - start_ns) AS ns, task_id,"
              " reason AS label FROM span"
              " WHERE state IN ('blocked', 'sleeping') AND stack_id IS NOT NULL"
              " GROUP BY stack_id, task_id, reason",
              "has no stacks of waits; record with --stacks",
              StackTable::Inner::CalledOnly};
    case PprofKind::Spawn:
      return {"tasks",
              nullptr,
              nullptr,
              false,
              "SELECT spawn_stack_id AS stack_id, 1 AS count, 0 AS ns, id AS task_id,"
              " NULL AS label FROM task WHERE spawn_stack_id IS NOT NULL",
              "has no stacks of spawns; record with --stacks",
              StackTable::Inner::CalledOnly};
  }
  return {};
}

// The samples of a source, each with what people call its task; one without a name by where it was
// started.
std::string samples_sql(const Source& source) {
  return "SELECT stack_id, count, ns, task_id, label, coalesce(nullif(task.name, ''),"
         " site.file || ':' || site.line) FROM (" +
         std::string(source.sql) +
         ") AS sample LEFT JOIN task ON task.id = sample.task_id"
         " LEFT JOIN site ON site.id = task.spawn_site_id";
}

// Texts, each stored once; number 0 is the empty one.
class Strings {
 public:
  std::int64_t number_of(std::string_view text) {
    const auto [at, fresh] =
        numbers_.try_emplace(std::string(text), static_cast<std::int64_t>(texts_.size()));
    if (fresh) texts_.emplace_back(text);
    return at->second;
  }
  void write(pbf_writer& profile) const {
    for (const std::string& text : texts_) profile.add_string(kStringTable, text);
  }

 private:
  std::vector<std::string> texts_{""};
  std::unordered_map<std::string, std::int64_t> numbers_{{"", 0}};
};

class Profile {
 public:
  Profile(const StackTable& stacks, const Source& source)
      : stacks_(stacks), source_(source), writer_(data_) {
    add_value_type(kSampleType, source.count, "count");
    if (source.duration != nullptr) add_value_type(kSampleType, source.duration, "nanoseconds");
  }

  // A row of samples_sql().
  void add_sample(const RowValues& values) {
    const auto stack = stacks_.number_of(number_in<StackId>(values[0]));
    if (stack == StackTable::kNone) return;
    const std::vector<std::uint64_t>& locations = locations_of(stack);
    pbf_writer sample(writer_, kSample);
    sample.add_packed_uint64(kLocationIds, locations.begin(), locations.end());
    const std::int64_t numbers[] = {number_in<std::int64_t>(values[1]),
                                    number_in<std::int64_t>(values[2])};
    sample.add_packed_int64(kValues, numbers, numbers + (source_.duration == nullptr ? 1 : 2));
    if (values[5] != nullptr) add_label(sample, "task", text_in(values[5]));
    if (values[3] != nullptr) add_label(sample, "task_id", number_in<std::int64_t>(values[3]));
    if (source_.label != nullptr && values[4] != nullptr) {
      if (source_.label_is_number) {
        add_label(sample, source_.label, number_in<std::int64_t>(values[4]));
      } else {
        add_label(sample, source_.label, std::string_view(values[4]));
      }
    }
    ++written_.samples;
  }

  // The whole profile; it is used up.
  std::string finish(const RecordingInfo& info) {
    for (std::size_t at = 0; at < stacks_.functions().size(); ++at) {
      const StackFunction& function = stacks_.functions()[at];
      pbf_writer out(writer_, kFunction);
      out.add_uint64(kFunctionId, at + 1);
      out.add_int64(kName, strings_.number_of(function.name));
      out.add_int64(kSystemName, strings_.number_of(function.name));
      out.add_int64(kFileName, strings_.number_of(function.file));
    }
    written_.functions = stacks_.functions().size();
    writer_.add_int64(kDurationNanos, info.duration_ns);
    add_value_type(kPeriodType, source_.duration == nullptr ? source_.count : source_.duration,
                   source_.duration == nullptr ? "count" : "nanoseconds");
    writer_.add_int64(kPeriod, 1);
    writer_.add_int64(kComment, strings_.number_of("recorded by taskscope: " + info.command));
    writer_.add_int64(
        kDefaultSampleType,
        strings_.number_of(source_.duration == nullptr ? source_.count : source_.duration));
    strings_.write(writer_);
    return std::move(data_);
  }
  PprofExport written() const { return written_; }

 private:
  void add_value_type(ProfileField field, std::string_view type, std::string_view unit) {
    pbf_writer out(writer_, field);
    out.add_int64(kType, strings_.number_of(type));
    out.add_int64(kUnit, strings_.number_of(unit));
  }
  void add_label(pbf_writer& sample, std::string_view key, std::string_view text) {
    pbf_writer label(sample, kLabel);
    label.add_int64(kKey, strings_.number_of(key));
    label.add_int64(kText, strings_.number_of(text));
  }
  void add_label(pbf_writer& sample, std::string_view key, std::int64_t number) {
    pbf_writer label(sample, kLabel);
    label.add_int64(kKey, strings_.number_of(key));
    label.add_int64(kNumber, number);
  }

  // Innermost first; calls that were inlined are lines of the location that they are in.
  const std::vector<std::uint64_t>& locations_of(std::uint32_t stack) {
    const auto [at, fresh] = stack_locations_.try_emplace(stack);
    if (!fresh) return at->second;
    Lines lines;
    for (const StackCall& call : stacks_.own_calls(stack, source_.inner)) {
      lines.emplace_back(call.function, call.line);
      if (call.inlined == 0) at->second.push_back(location_of(std::exchange(lines, {})));
    }
    if (!lines.empty()) at->second.push_back(location_of(std::move(lines)));
    return at->second;
  }

  using Lines = std::vector<std::pair<std::uint32_t, std::uint32_t>>;  // function, line
  std::uint64_t location_of(Lines lines) {
    const auto [at, fresh] = locations_.try_emplace(std::move(lines), locations_.size() + 1);
    if (fresh) {
      pbf_writer location(writer_, kLocation);
      location.add_uint64(kLocationId, at->second);
      for (const auto& [function, number] : at->first) {
        pbf_writer line(location, kLine);
        line.add_uint64(kLineFunction, std::uint64_t{function} + 1);
        line.add_int64(kLineNumber, number);
      }
    }
    return at->second;
  }

  const StackTable& stacks_;
  const Source source_;
  std::string data_;
  pbf_writer writer_;
  Strings strings_;
  std::map<Lines, std::uint64_t> locations_;
  std::unordered_map<std::uint32_t, std::vector<std::uint64_t>> stack_locations_;
  PprofExport written_;
};

Result<void> write_gzipped(const std::string& data, const std::string& output) {
  base::UniqueFd file(open(output.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644));
  if (!file && errno == EEXIST) return exists_already(output);
  const auto failed = [&] {
    // zlib has no number for all that can go wrong with it.
    const char* const why = errno == 0 ? "out of memory or disk" : std::strerror(errno);
    return Error{"Cannot write " + output + ": " + why + "."};
  };
  if (!file) return failed();
  errno = 0;
  base::UniqueFd copy(fcntl(file.get(), F_DUPFD_CLOEXEC, 0));
  gzFile stream = copy ? gzdopen(copy.get(), "wb6") : nullptr;
  bool fine = stream != nullptr;
  if (fine) static_cast<void>(copy.release());  // the stream closes it
  constexpr std::size_t kPart = std::size_t{1} << 20;
  for (std::size_t at = 0; fine && at < data.size(); at += kPart) {
    const std::size_t part = std::min(kPart, data.size() - at);
    fine = gzwrite(stream, data.data() + at, static_cast<unsigned>(part)) == static_cast<int>(part);
  }
  if (stream != nullptr) fine = gzclose(stream) == Z_OK && fine;
  if (fine && fsync(file.get()) == 0) return {};
  const Error error = failed();
  unlink(output.c_str());
  return error;
}

}  // namespace

Result<PprofExport> export_pprof(const std::string& recording, PprofKind kind,
                                 const std::string& output) {
  const auto reader = Reader::open(recording);
  if (!reader) return reader.error();
  struct stat status {};
  if (lstat(output.c_str(), &status) == 0) return exists_already(output);
  const auto stacks = StackTable::read(*reader);
  if (!stacks) return stacks.error();
  const Source source = source_of(kind);
  Profile profile(*stacks, source);
  auto read = each_row(*reader, recording, samples_sql(source),
                       [&](const RowValues& values) { profile.add_sample(values); });
  if (!read) return read.error();
  if (profile.written().samples == 0) return Error{recording + " " + source.none + "."};
  const std::string data = profile.finish(reader->info());
  if (auto written = write_gzipped(data, output); !written) return written.error();
  return profile.written();
}

}  // namespace taskscope::store
