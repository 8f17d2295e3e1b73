#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <random>
#include <vector>

#include "recorder/store/chunk_encoder.h"

namespace taskscope::store {
namespace {

std::vector<StoredRow> random_rows(std::uint32_t seed, std::size_t count) {
  std::mt19937_64 random(seed);
  std::vector<StoredRow> rows;
  std::int64_t ns = 5;
  CurrentTask current;
  const std::vector<EventKind> kinds = {
      EventKind::Spawn,   EventKind::Run,      EventKind::Yield,       EventKind::Block,
      EventKind::Ready,   EventKind::Exit,     EventKind::Steal,       EventKind::Lost,
      EventKind::Resume,  EventKind::By,       EventKind::Syscall,     EventKind::SyscallEnd,
      EventKind::Preempt, EventKind::Handoff,  EventKind::QueueLength, EventKind::WorkerStart,
      EventKind::Arm,     EventKind::PollWake, EventKind::TimerFire,   kEndWaiting,
      kCloseRunning,      kCloseSyscall};
  for (std::size_t i = 0; i < count; ++i) {
    StoredRow row{.ns = ns += static_cast<std::int64_t>(random() % 5000),
                  .kind = kinds[random() % kinds.size()]};
    const bool lost = row.kind == EventKind::Lost || row.kind == EventKind::QueueLength ||
                      row.kind == EventKind::WorkerStart || row.kind == EventKind::PollWake ||
                      row.kind == EventKind::TimerFire;
    if (!lost) row.task_id = random() % 3 == 0 ? current.id : random() % (1ull << 40);
    const bool spans = !lost && row.kind != EventKind::Spawn && row.kind != EventKind::Steal &&
                       row.kind != EventKind::Resume && row.kind != EventKind::By &&
                       row.kind != EventKind::Arm;
    if (row.kind == EventKind::Arm) row.object_id = random() % (1ull << 40);
    if (spans && random() % 8 != 0) row.span_ns = static_cast<std::int64_t>(random()) & 0xffff;
    if (row.span_ns > ns) row.span_ns = ns;
    if (closes_placed(row.kind)) row.site_id = random() % 65536;
    if (row.kind == EventKind::Block || closes_wait(row.kind)) {
      row.object_id = random() % (1ull << 40);
      row.site_id = random() % 65536;
      row.reason = static_cast<BlockReason>(random() % 30);
    }
    if (row.kind == EventKind::Spawn) row.site_id = 9;
    if (has_arg(row.kind)) row.arg = random() % (1ull << 40);
    if (has_arg2(row.kind)) row.arg = pack_args(row.arg, random() % (1u << 24));
    current.take(row.kind, row.task_id, row.ns, row.arg);
    rows.push_back(row);
  }
  return rows;
}

std::vector<std::byte> packed(const std::vector<StoredRow>& rows, const CurrentTask& current = {}) {
  ChunkCompressor compressor;
  ChunkEncoder encoder(current);
  for (const StoredRow& row : rows) encoder.add(row);
  const auto chunk = encoder.pack(compressor);
  return {chunk.blob.begin(), chunk.blob.end()};
}

TEST(ChunkCodec, EveryRowComesBack) {
  for (std::uint32_t seed = 1; seed <= 20; ++seed) {
    const auto rows = random_rows(seed, seed == 20 ? kChunkRowsMax : seed * 37);
    ChunkColumns columns;
    const auto decoded = decode_chunk(packed(rows), kAllColumns, columns);
    ASSERT_TRUE(decoded) << decoded.error().message;
    ASSERT_EQ(columns.kinds.size(), rows.size());
    for (std::size_t i = 0; i < rows.size(); ++i) {
      const StoredRow back{.ns = columns.ns[i],
                           .span_ns = columns.span_ns[i],
                           .task_id = columns.task_ids[i],
                           .object_id = columns.object_ids[i],
                           .arg = pack_args(columns.args[i], columns.args2[i]),
                           .site_id = columns.site_ids[i],
                           .kind = columns.kinds[i],
                           .reason = columns.reasons[i]};
      ASSERT_EQ(back, rows[i]) << "seed " << seed << " row " << i;
    }
  }
}

// Two tasks that wake each other in turn, as tasks that hand something to and fro do.
std::vector<StoredRow> ping_pong_rows(std::size_t count) {
  std::vector<StoredRow> rows;
  std::array<std::uint64_t, 2> sequence{};
  std::array<std::int64_t, 2> since_ns{};
  std::int64_t ns = 100;
  const auto add = [&](std::size_t task, EventKind kind) {
    const std::int64_t span_ns = ns - since_ns[task];
    rows.push_back({.ns = ns, .span_ns = span_ns, .task_id = 7 + task, .kind = kind});
    since_ns[task] = ns;
    ns += 10 + static_cast<std::int64_t>(rows.size() % 7);
    return &rows.back();
  };
  const auto about_wait = [](StoredRow* row, std::size_t task) {
    row->object_id = 3;
    row->site_id = static_cast<SiteId>(20 + task);
    row->reason = BlockReason::ChanRecv;
  };
  for (std::size_t i = 0; rows.size() < count; ++i) {
    const std::size_t task = i % 2;
    add(task, EventKind::Run)->arg = ++sequence[task];
    if (i > 0) {
      StoredRow* ready = add(1 - task, EventKind::Ready);
      ready->arg = ++sequence[1 - task];
      about_wait(ready, 1 - task);
    }
    about_wait(add(task, EventKind::Block), task);
  }
  return rows;
}

TEST(ChunkCodec, NumbersOfEveryLengthComeBack) {
  // Alone, so that they are the last of their columns, and among many.
  std::vector<StoredRow> rows;
  std::int64_t ns = 0;
  for (unsigned bits = 0; bits < 64; ++bits) {
    for (const std::uint64_t less : {1, 0}) {
      const std::uint64_t value = (std::uint64_t{1} << bits) - less;
      if (bits < 60) ns = static_cast<std::int64_t>(value);
      const std::vector<StoredRow> one = {{.ns = ns, .arg = value, .kind = EventKind::ThreadPark}};
      rows.push_back(one.front());
      ChunkColumns columns;
      ASSERT_TRUE(decode_chunk(packed(one), kAllColumns, columns));
      EXPECT_EQ(columns.args.front(), value);
    }
  }
  ChunkColumns columns;
  ASSERT_TRUE(decode_chunk(packed(rows), kAllColumns, columns));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    EXPECT_EQ(columns.args[i], rows[i].arg);
    EXPECT_EQ(columns.ns[i], rows[i].ns);
  }
}

TEST(ChunkCodec, WhatHappensAgainAndAgainTakesTwoBytesARow) {
  const auto rows = ping_pong_rows(3000);
  ChunkCompressor compressor;
  ChunkEncoder encoder;
  for (const StoredRow& row : rows) encoder.add(row);
  EXPECT_LT(encoder.pack(compressor).raw_bytes, rows.size() * 2 + 200);
}

TEST(ChunkCodec, AColumnIsTheSameWhateverElseIsWanted) {
  std::vector<std::vector<StoredRow>> chunks = {ping_pong_rows(500)};
  for (std::uint32_t seed = 1; seed <= 5; ++seed) chunks.push_back(random_rows(seed, 500));
  for (const auto& rows : chunks) {
    const auto blob = packed(rows);
    ChunkColumns all;
    ASSERT_TRUE(decode_chunk(blob, kAllColumns, all));
    for (std::uint32_t wanted = 0; wanted <= kAllColumns; ++wanted) {
      ChunkColumns some;
      ASSERT_TRUE(decode_chunk(blob, wanted, some));
      const auto same = [&](std::uint32_t column, const auto& ours, const auto& theirs) {
        EXPECT_TRUE(!(wanted & column) || ours == theirs) << column << " of " << wanted;
      };
      EXPECT_EQ(some.kinds, all.kinds);
      same(kTimeColumn, some.ns, all.ns);
      same(kTaskColumn, some.task_ids, all.task_ids);
      same(kSpanColumn, some.span_ns, all.span_ns);
      same(kObjectColumn, some.object_ids, all.object_ids);
      same(kSiteColumn, some.site_ids, all.site_ids);
      same(kReasonColumn, some.reasons, all.reasons);
      same(kArgColumn, some.args, all.args);
      same(kActorColumn, some.actors, all.actors);
      same(kThreadColumn, some.thread_ids, all.thread_ids);
      same(kWakerColumn, some.waker_kinds, all.waker_kinds);
    }
  }
}

TEST(ChunkCodec, AChunkUnderWayReadsLikeItsBeginning) {
  const auto rows = ping_pong_rows(1000);
  ChunkCompressor compressor;
  ChunkEncoder encoder;
  ChunkColumns all;
  ASSERT_TRUE(decode_chunk(packed(rows), kAllColumns, all));
  for (std::size_t i = 0; i < rows.size(); ++i) {
    encoder.add(rows[i]);
    if (i % 100 != 0) continue;
    const auto chunk = encoder.preview(compressor);
    ChunkColumns part;
    ASSERT_TRUE(decode_chunk(chunk.blob, kAllColumns, part));
    EXPECT_EQ(part.ns, std::vector(all.ns.begin(), all.ns.begin() + static_cast<int>(i) + 1));
    EXPECT_EQ(chunk.statistics.summary.end_ns, rows[i].ns);
  }
  const auto whole = encoder.pack(compressor);
  EXPECT_TRUE(std::equal(whole.blob.begin(), whole.blob.end(), packed(rows).begin()));
}

TEST(ChunkCodec, ThreadsAndActorsGoOnFromOneChunkToTheNext) {
  // A worker's thread changes in the chunk; then the chunk of other threads is cut after a `by`.
  const std::vector<StoredRow> worker = {
      {.ns = 10, .task_id = 7, .kind = EventKind::Preempt},
      {.ns = 20, .arg = 51, .kind = EventKind::WorkerStart},
      {.ns = 30, .task_id = 8, .arg = 1, .kind = EventKind::Run}};
  ChunkColumns columns;
  ASSERT_TRUE(decode_chunk(packed(worker, {.id = 7, .since_ns = 5, .thread_id = 50}),
                           kThreadColumn | kActorColumn, columns));
  EXPECT_EQ(columns.thread_ids, (std::vector<std::uint64_t>{50, 51, 51}));
  EXPECT_EQ(columns.actors, (std::vector<TaskId>{7, 0, 0}));
  const std::vector<StoredRow> outside = {
      {.ns = 40, .span_ns = 3, .task_id = 9, .kind = EventKind::Ready},
      {.ns = 41, .span_ns = 3, .task_id = 9, .kind = EventKind::Ready},
      {.ns = 42, .task_id = 6, .arg = 53, .kind = EventKind::By},
      {.ns = 43, .span_ns = 1, .task_id = 6, .kind = EventKind::Exit},
      {.ns = 44, .span_ns = 1, .task_id = 5, .arg = 54, .kind = kCloseSyscall}};
  CurrentTask cut;
  cut.take(EventKind::By, 7, 39, 52);
  ASSERT_TRUE(decode_chunk(packed(outside, cut), kThreadColumn | kActorColumn, columns));
  EXPECT_EQ(columns.actors, (std::vector<TaskId>{7, 0, 0, 6, 0}));
  EXPECT_EQ(columns.thread_ids, (std::vector<std::uint64_t>{52, 0, 53, 53, 54}));
}

TEST(ChunkCodec, WhatEndedAWaitGoesOnFromOneChunkToTheNext) {
  const auto ready = [](std::int64_t ns, BlockReason reason = BlockReason::Mutex) {
    return StoredRow{
        .ns = ns, .span_ns = 1, .task_id = 5, .kind = EventKind::Ready, .reason = reason};
  };
  const std::vector<std::vector<StoredRow>> chunks = {
      {ready(10), {.ns = 11, .arg = 1, .kind = EventKind::TimerFire}, ready(12)},
      {ready(13),
       {.ns = 14, .task_id = 7, .arg = 1, .kind = EventKind::Run},
       ready(15),
       {.ns = 16, .span_ns = 2, .task_id = 7, .kind = EventKind::Block},
       ready(17),
       {.ns = 18, .arg = 3, .kind = EventKind::PollWake},
       ready(19)},
      {ready(20, BlockReason::Process),
       ready(21),
       ready(22),
       {.ns = 23, .arg = 9, .kind = EventKind::TimerFire},
       {.ns = 24, .arg = 2, .kind = EventKind::Lost}},
      {ready(25), ready(26)},
  };
  using enum WakerKind;
  const std::vector<std::vector<WakerKind>> expected = {
      {Thread, None, Timer},
      {Timer, None, Task, None, Thread, None, Network},
      {Process, Network, Thread, None, None},
      {None, Thread},
  };
  ChunkEncoder encoder;
  ChunkCompressor compressor;
  for (std::size_t i = 0; i < chunks.size(); ++i) {
    for (const StoredRow& row : chunks[i]) encoder.add(row);
    ChunkColumns columns;
    ASSERT_TRUE(decode_chunk(encoder.pack(compressor).blob, kWakerColumn, columns));
    EXPECT_EQ(columns.waker_kinds, expected[i]) << "chunk " << i;
    for (std::size_t at = 0; at < expected[i].size(); ++at) {
      EXPECT_EQ(waker_at(columns, at, true), expected[i][at]);
      EXPECT_EQ(waker_at(columns, at, false), expected[i][at] == Thread ? None : expected[i][at]);
    }
  }
}

TEST(ChunkCodec, DamageIsNeverTakenForData) {
  const auto blob = packed(random_rows(1, 300));
  ChunkColumns whole;
  ASSERT_TRUE(decode_chunk(blob, kAllColumns, whole));
  ChunkColumns columns;
  for (std::size_t i = 0; i < blob.size(); ++i) {
    for (const int flip : {1, 0x80, 0xff}) {
      auto damaged = blob;
      damaged[i] ^= static_cast<std::byte>(flip);
      if (!decode_chunk(damaged, kAllColumns, columns)) continue;
      // The flip was in a bit that means nothing.
      EXPECT_EQ(columns.raw, whole.raw) << "byte " << i;
    }
    EXPECT_FALSE(decode_chunk(std::span(blob).first(i), kAllColumns, columns)) << i;
  }
}

}  // namespace
}  // namespace taskscope::store
