// What pprof reads of a recording, read back with the library that wrote it.
#include "recorder/store/pprof_export.h"

#include <gtest/gtest.h>
#include <zlib.h>

#include <algorithm>
#include <fstream>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include <protozero/pbf_reader.hpp>

#include "recorder/ingest/text_source.h"
#include "recorder/store/writer.h"
#include "tests/support/golden.h"
#include "tests/support/temporary_folder.h"

namespace taskscope::store {
namespace {

std::string unzipped(const std::string& path) {
  std::string data;
  gzFile file = gzopen(path.c_str(), "rb");
  char part[4096];
  for (int got = 0; (got = gzread(file, part, sizeof(part))) > 0;) {
    data.append(part, static_cast<std::size_t>(got));
  }
  EXPECT_EQ(gzdirect(file), 0) << "a profile is gzipped";
  gzclose(file);
  return data;
}

// A profile with the numbers of texts, functions and locations resolved.
struct Read {
  struct Sample {
    std::vector<std::string> calls;  // innermost first, "function:line", inlined ones with "+"
    std::vector<std::int64_t> values;
    std::map<std::string, std::string> labels;
  };
  std::vector<std::string> types;
  std::vector<Sample> samples;
};

template <class Visit>
void each(const std::string& data, std::uint32_t field, Visit visit) {
  protozero::pbf_reader message(data);
  while (message.next(field)) visit(message);
}

Read read_profile(const std::string& data) {
  Read out;
  std::vector<std::string> texts;
  each(data, 6, [&](auto& message) { texts.push_back(message.get_string()); });
  EXPECT_EQ(texts.at(0), "");
  const auto text = [&](std::int64_t at) { return texts.at(static_cast<std::size_t>(at)); };
  std::map<std::uint64_t, std::string> functions;
  each(data, 5, [&](auto& message) {
    protozero::pbf_reader function = message.get_message();
    std::uint64_t id = 0;
    while (function.next()) {
      if (function.tag() == 1) {
        id = function.get_uint64();
      } else if (function.tag() == 2) {
        functions[id] = text(function.get_int64());
      } else {
        function.skip();
      }
    }
  });
  std::map<std::uint64_t, std::string> locations;
  each(data, 4, [&](auto& message) {
    protozero::pbf_reader location = message.get_message();
    std::uint64_t id = 0;
    while (location.next()) {
      if (location.tag() == 1) {
        id = location.get_uint64();
        continue;
      }
      protozero::pbf_reader line = location.get_message();
      std::string& name = locations[id];
      while (line.next()) {
        if (line.tag() == 1)
          name += (name.empty() ? "" : "+") + functions.at(line.get_uint64());
        else
          name += ":" + std::to_string(line.get_int64());
      }
    }
  });
  each(data, 1, [&](auto& message) {
    protozero::pbf_reader type = message.get_message();
    std::string name;
    while (type.next()) name += (name.empty() ? "" : "/") + text(type.get_int64());
    out.types.push_back(name);
  });
  each(data, 2, [&](auto& message) {
    protozero::pbf_reader sample = message.get_message();
    Read::Sample read;
    while (sample.next()) {
      if (sample.tag() == 1) {
        for (const auto id : sample.get_packed_uint64()) read.calls.push_back(locations.at(id));
      } else if (sample.tag() == 2) {
        for (const auto value : sample.get_packed_int64()) read.values.push_back(value);
      } else {
        protozero::pbf_reader label = sample.get_message();
        std::string key;
        while (label.next()) {
          const std::int64_t number = label.get_int64();
          if (label.tag() == 1) key = text(number);
          if (label.tag() == 2) read.labels[key] = text(number);
          if (label.tag() == 3) read.labels[key] = std::to_string(number);
        }
      }
    }
    out.samples.push_back(std::move(read));
  });
  return out;
}

class Pprof : public testing::Test {
 protected:
  Pprof() {
    const auto recorded = ingest::record_text(
        tests::read_file(TASKSCOPE_SOURCE_DIR "/tests/golden/recorder/stacks.trace"), path_);
    EXPECT_TRUE(recorded) << recorded.error().message;
  }
  Read export_of(PprofKind kind) {
    const std::string output = folder_.file("out.pb.gz");
    const auto done = export_pprof(path_, kind, output);
    EXPECT_TRUE(done) << done.error().message;
    Read read = read_profile(unzipped(output));
    EXPECT_EQ(read.samples.size(), done->samples);
    return read;
  }

  tests::TemporaryFolder folder_;
  std::string path_ = folder_.file("a.tscope");
};

TEST_F(Pprof, HasTheSamplesOfEachTaskAndWorker) {
  const Read read = export_of(PprofKind::Cpu);
  EXPECT_EQ(read.types, std::vector<std::string>{"samples/count"});
  std::int64_t count = 0;
  std::map<std::string, std::int64_t> by_task;
  for (const Read::Sample& sample : read.samples) {
    ASSERT_EQ(sample.values.size(), 1U);
    EXPECT_FALSE(sample.calls.empty());
    count += sample.values[0];
    by_task[sample.labels.contains("task_id") ? sample.labels.at("task_id") : "none"] +=
        sample.values[0];
  }
  EXPECT_EQ(count, 3);
  EXPECT_EQ(by_task, (std::map<std::string, std::int64_t>{{"2", 2}, {"none", 1}}));
}

TEST_F(Pprof, HasCountsAndTimesOfWaitsAsGoHasThem) {
  const Read read = export_of(PprofKind::Block);
  EXPECT_EQ(read.types, (std::vector<std::string>{"contentions/count", "delay/nanoseconds"}));
  std::int64_t ns = 0;
  for (const Read::Sample& sample : read.samples) {
    ASSERT_EQ(sample.values.size(), 2U);
    EXPECT_EQ(sample.labels.at("reason"), "sleep");
    ns += sample.values[1];
  }
  // Task 1 from 60 to 90, task 2 from 96 to the end at 170.
  EXPECT_EQ(ns, 30 + 74);
}

TEST_F(Pprof, HasWhoStartedTasks) {
  const Read read = export_of(PprofKind::Spawn);
  EXPECT_EQ(read.types, std::vector<std::string>{"tasks/count"});
  ASSERT_EQ(read.samples.size(), 1U);
  EXPECT_EQ(read.samples[0].labels.at("task_id"), "2");
}

// One sample of a task with a name on worker 3, in f, which was inlined into g, which h called.
TEST_F(Pprof, HasFunctionsWithLinesInlinedOnesInOneLocationAndLabels) {
  const std::string path = folder_.file("made.tscope");
  auto writer = Writer::create(path);
  ASSERT_TRUE(writer);
  const auto site = [&](const char* function, std::uint32_t line) {
    return writer->add_frame_site({.id = 0, .file = "x.cpp", .line = line, .function = function},
                                  1);
  };
  writer->put_site({.id = 7, .file = "spawn.cpp", .line = 4, .function = "main"});
  writer->put_task({.id = 1, .name = "reader", .spawn_site_id = 7}, Totals::Known);
  writer->put_task({.id = 2, .spawn_site_id = 7}, Totals::Known);
  writer->put_stack({.id = 1, .kind = StackKind::Sample, .addresses = "1 2"});
  writer->put_frame({.stack_id = 1, .depth = 0, .site_id = site("f()", 10), .inlined = true});
  writer->put_frame({.stack_id = 1, .depth = 1, .site_id = site("g()", 20)});
  writer->put_frame({.stack_id = 1, .depth = 2, .site_id = site("h()", 30)});
  writer->put_frame({.stack_id = 1, .depth = 3, .site_id = site("run()", 40), .runtime = true});
  for (const TaskId task : {TaskId{1}, TaskId{1}, TaskId{2}}) {
    writer->add_sample({.ns = 5, .worker_id = 3, .task_id = task, .stack_id = 1}, 1);
  }
  ASSERT_TRUE(writer->finish());
  path_ = path;
  const Read read = export_of(PprofKind::Cpu);
  ASSERT_EQ(read.samples.size(), 2U);
  for (const Read::Sample& sample : read.samples) {
    EXPECT_EQ(sample.calls, (std::vector<std::string>{"f():10+g():20", "h():30"}));
  }
  using Labels = std::map<std::string, std::string>;
  EXPECT_EQ(read.samples[0].values, std::vector<std::int64_t>{2});
  EXPECT_EQ(read.samples[0].labels,
            (Labels{{"task", "reader"}, {"task_id", "1"}, {"worker", "3"}}));
  EXPECT_EQ(read.samples[1].values, std::vector<std::int64_t>{1});
  EXPECT_EQ(read.samples[1].labels,
            (Labels{{"task", "spawn.cpp:4"}, {"task_id", "2"}, {"worker", "3"}}));
}

TEST_F(Pprof, RefusesWhatItCannotDoAndLeavesNothing) {
  const std::string output = folder_.file("out.pb.gz");
  const std::string plain = folder_.file("plain.tscope");
  ASSERT_TRUE(ingest::record_text("w0 0 worker-start thread=1\nw0 9 worker-stop\n", plain));
  const auto refusal = [&](const std::string& from, PprofKind kind, const std::string& to) {
    const auto done = export_pprof(from, kind, to);
    EXPECT_FALSE(done);
    return done ? std::string() : done.error().message;
  };
  EXPECT_EQ(refusal(plain, PprofKind::Cpu, output),
            plain + " has no samples; record with --samples.");
  EXPECT_EQ(refusal(plain, PprofKind::Block, output),
            plain + " has no stacks of waits; record with --stacks.");
  EXPECT_EQ(refusal(plain, PprofKind::Spawn, output),
            plain + " has no stacks of spawns; record with --stacks.");
  EXPECT_NE(refusal(folder_.file("none.tscope"), PprofKind::Cpu, output), "");
  EXPECT_NE(refusal(path_, PprofKind::Cpu, folder_.file("none/out.pb.gz")), "");
  EXPECT_FALSE(std::ifstream(output).good());
  EXPECT_EQ(refusal(path_, PprofKind::Cpu, path_),
            path_ + " exists already; remove it or choose another name.");
}

}  // namespace
}  // namespace taskscope::store
