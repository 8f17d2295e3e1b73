// The text form: whatever parses must print back to something that parses to the same events.
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "runtime/base/check.h"
#include "runtime/trace_format/text.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace taskscope::trace_format;
  const auto parsed = parse_text({reinterpret_cast<const char*>(data), size});
  if (!parsed) return 0;
  std::string printed;
  for (const TextEvent& event : *parsed) printed += format_text(event) + '\n';
  const auto again = parse_text(printed);
  TASKSCOPE_CHECK(again.has_value());
  TASKSCOPE_CHECK(*again == *parsed);
  return 0;
}
