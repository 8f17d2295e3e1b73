#include <gtest/gtest.h>

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
      EventKind::Spawn,   EventKind::Run,     EventKind::Yield,       EventKind::Block,
      EventKind::Ready,   EventKind::Exit,    EventKind::Steal,       EventKind::Lost,
      EventKind::Resume,  EventKind::By,      EventKind::Syscall,     EventKind::SyscallEnd,
      EventKind::Preempt, EventKind::Handoff, EventKind::QueueLength, EventKind::WorkerStart,
      kEndWaiting,        kCloseRunning,      kCloseSyscall};
  for (std::size_t i = 0; i < count; ++i) {
    StoredRow row{.ns = ns += static_cast<std::int64_t>(random() % 5000),
                  .kind = kinds[random() % kinds.size()]};
    const bool lost = row.kind == EventKind::Lost || row.kind == EventKind::QueueLength ||
                      row.kind == EventKind::WorkerStart;
    if (!lost) row.task_id = random() % 3 == 0 ? current.id : random() % (1ull << 40);
    const bool spans = !lost && row.kind != EventKind::Spawn && row.kind != EventKind::Steal &&
                       row.kind != EventKind::Resume && row.kind != EventKind::By;
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
