// The bytes of a chunk: whatever decodes is safe to read in every subset of columns, all columns
// are equally long, and it packs again to rows that decode to the same.
#include <zstd.h>

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "recorder/store/chunk_encoder.h"
#include "runtime/base/check.h"

namespace {

using namespace taskscope::store;

void check(std::span<const std::byte> blob) {
  // Making them costs far more than a run.
  static ChunkCompressor compressor;
  static ChunkEncoder encoder;
  ChunkColumns columns;
  for (const std::uint32_t wanted : {kTimeColumn, kSpanColumn, kActorColumn, kReasonColumn}) {
    static_cast<void>(decode_chunk(blob, wanted, columns).has_value());
  }
  if (!decode_chunk(blob, kAllColumns, columns)) return;
  const std::size_t count = columns.kinds.size();
  TASKSCOPE_CHECK(count >= 1 && count <= kChunkRowsMax);
  std::vector<StoredRow> rows(count);
  for (std::size_t i = 0; i < count; ++i) {
    rows[i] = {.ns = columns.ns.at(i),
               .span_ns = columns.span_ns.at(i),
               .task_id = columns.task_ids.at(i),
               .object_id = columns.object_ids.at(i),
               .arg = has_arg2(columns.kinds[i])
                          ? pack_args(columns.args.at(i), columns.args2.at(i))
                          : columns.args.at(i),
               .site_id = columns.site_ids.at(i),
               .kind = columns.kinds[i],
               .reason = columns.reasons.at(i)};
    TASKSCOPE_CHECK(rows[i].span_ns == kNoSpan || rows[i].span_ns <= rows[i].ns);
    // An id is below 2^50 (program_ids.h), and no recorder packs more than fits into 63 bits: the
    // encoder takes the last task of one chunk over into the next.
    if (rows[i].task_id >> 63 != 0) return;
    // Of two arguments the first is an id: more than that was not written by us.
    if (has_arg2(columns.kinds[i])) columns.args[i] &= taskscope::trace_format::kIdMask;
  }
  for (const StoredRow& row : rows) encoder.add(row);
  const auto again = encoder.pack(compressor);
  ChunkColumns back;
  TASKSCOPE_CHECK(decode_chunk(again.blob, kAllColumns, back).has_value());
  TASKSCOPE_CHECK(back.kinds == columns.kinds);
  TASKSCOPE_CHECK(back.ns == columns.ns);
  TASKSCOPE_CHECK(back.span_ns == columns.span_ns);
  TASKSCOPE_CHECK(back.task_ids == columns.task_ids);
  TASKSCOPE_CHECK(back.args == columns.args);
}

}  // namespace

// The input is taken as a blob and as what is in one: no mutation gets past the checksum.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  check(std::as_bytes(std::span(data, size)));
  std::vector<std::byte> blob(ZSTD_compressBound(size));
  const std::size_t bytes = ZSTD_compress(blob.data(), blob.size(), data, size, 1);
  TASKSCOPE_CHECK(!ZSTD_isError(bytes));
  check(std::span(blob).first(bytes));
  return 0;
}
