#include "recorder/store/chunk_codec.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace taskscope::store {
namespace {

std::vector<StoredRow> random_rows(std::uint32_t seed, std::size_t count) {
  std::mt19937_64 random(seed);
  std::vector<StoredRow> rows;
  std::int64_t ns = 5;
  CurrentTask current;
  const std::vector<EventKind> kinds = {EventKind::Spawn, EventKind::Run,   EventKind::Yield,
                                        EventKind::Block, EventKind::Ready, EventKind::Exit,
                                        EventKind::Steal, EventKind::Lost,  EventKind::Resume,
                                        kEndWaiting,      kCloseRunning};
  for (std::size_t i = 0; i < count; ++i) {
    StoredRow row{.ns = ns += static_cast<std::int64_t>(random() % 5000),
                  .kind = kinds[random() % kinds.size()]};
    const bool lost = row.kind == EventKind::Lost;
    if (!lost) row.task_id = random() % 3 == 0 ? current.id : random() % (1ull << 40);
    const bool spans = !lost && row.kind != EventKind::Spawn && row.kind != EventKind::Steal &&
                       row.kind != EventKind::Resume;
    if (spans && random() % 8 != 0) row.span_ns = static_cast<std::int64_t>(random()) & 0xffff;
    if (row.span_ns > ns) row.span_ns = ns;
    if (row.kind == EventKind::Block || closes_wait(row.kind)) {
      row.object_id = random() % (1ull << 40);
      row.site_id = random() % 65536;
      row.reason = static_cast<BlockReason>(random() % 30);
    }
    if (row.kind == EventKind::Spawn) row.site_id = 9;
    if (has_arg(row.kind)) row.arg = random() % (1ull << 40);
    current.take(row.kind, row.task_id, row.ns);
    rows.push_back(row);
  }
  return rows;
}

std::vector<std::byte> packed(const std::vector<StoredRow>& rows) {
  ChunkEncoder encoder;
  const auto encoded = encoder.encode(rows, {});
  return {encoded.blob.begin(), encoded.blob.end()};
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
                           .arg = columns.args[i],
                           .site_id = columns.site_ids[i],
                           .kind = columns.kinds[i],
                           .reason = columns.reasons[i]};
      ASSERT_EQ(back, rows[i]) << "seed " << seed << " row " << i;
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
