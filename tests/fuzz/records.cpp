// Raw records, as a hostile program could leave them in a ring: decoding always advances, never
// reads outside what it was given, and what it accepts encodes back to the same record.
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "runtime/base/check.h"
#include "runtime/trace_format/codec.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace taskscope::trace_format;
  std::vector<Record> records(size / sizeof(Record));
  if (records.empty()) return 0;
  std::memcpy(records.data(), data, records.size() * sizeof(Record));
  std::span<const Record> rest = records;
  while (!rest.empty()) {
    const Decoded decoded = decode_next(rest);
    if (decoded.status == DecodeStatus::NeedMore) break;
    TASKSCOPE_CHECK(decoded.records >= 1 && decoded.records <= rest.size());
    if (decoded.status == DecodeStatus::Ok) {
      TASKSCOPE_CHECK(encode(decoded.event) == rest[0]);
      if (!decoded.text.empty()) parse_site(decoded.text);
    }
    rest = rest.subspan(decoded.records);
  }
  return 0;
}
