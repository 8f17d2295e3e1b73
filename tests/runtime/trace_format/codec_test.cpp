#include "runtime/trace_format/codec.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <string>

#include "runtime/trace_format/text.h"

namespace taskscope::trace_format {
namespace {

TEST(Codec, EveryFieldSurvivesAtItsLimits) {
  const Event event{.ticks = (std::uint64_t{1} << kTickBits) - 1,
                    .id = kIdMask,
                    .aux = kAuxMask,
                    .kind = EventKind::Ready};
  EXPECT_EQ(decode(encode(event)), event);
}

TEST(Codec, AnUnknownKindIsReportedAndSkipped) {
  const Record record{.word0 = 255, .word1 = 0};
  const Decoded decoded = decode_next({&record, 1});
  EXPECT_EQ(decoded.status, DecodeStatus::UnknownKind);
  EXPECT_EQ(decoded.records, 1u);
}

TEST(Codec, TextsOfEveryLengthComeBack) {
  for (std::size_t length = 0; length <= kTextBytesMax; length = length * 2 + 1) {
    const std::string text(length, 'x');
    TextRecords records;
    const std::size_t count =
        encode_text({.ticks = 5, .id = 9, .kind = EventKind::TaskName}, text, records);
    const Decoded decoded = decode_next({records.data(), count});
    ASSERT_EQ(decoded.status, DecodeStatus::Ok) << length;
    EXPECT_EQ(decoded.records, count);
    EXPECT_EQ(decoded.text, text);
    if (length > 0) {
      EXPECT_EQ(decode_next({records.data(), count - 1}).status, DecodeStatus::NeedMore);
    }
  }
}

TEST(Codec, ALongTextIsCutBetweenCharacters) {
  std::string text(kTextBytesMax - 1, 'x');
  text += "é";
  TextRecords records;
  const std::size_t count = encode_text({.kind = EventKind::TaskName}, text, records);
  EXPECT_EQ(decode_next({records.data(), count}).text, std::string(kTextBytesMax - 1, 'x'));
}

TEST(Codec, ALyingLengthIsNotFollowed) {
  const Record record = encode({.aux = kTextBytesMax + 1, .kind = EventKind::TaskName});
  EXPECT_EQ(decode_next({&record, 1}).status, DecodeStatus::BadLength);
}

TEST(Codec, SiteTextsAreParsedStrictly) {
  const auto site = parse_site("12\tmain.cpp\tmain()");
  ASSERT_TRUE(site);
  EXPECT_EQ(site->line, 12u);
  EXPECT_EQ(site->file, "main.cpp");
  EXPECT_EQ(site->function, "main()");
  EXPECT_FALSE(parse_site("12\tmain.cpp"));
  EXPECT_FALSE(parse_site("x\tmain.cpp\tmain"));
  EXPECT_FALSE(parse_site(""));
}

TEST(TextForm, EveryEventOfTheTableIsWrittenAndReadBack) {
  for (int number = 0; number < 256; ++number) {
    const EventSpec* spec = find_event_spec(static_cast<std::uint8_t>(number));
    if (spec == nullptr) continue;
    TextEvent item{.ring = 3, .event = {.ticks = 77, .kind = spec->kind}, .text = {}};
    if (spec->id != IdField::None) item.event.id = 1234567;
    switch (spec->aux) {
      case AuxField::None:
        break;
      case AuxField::Seq:
      case AuxField::Site:
      case AuxField::Count:
        item.event.aux = 99;
        break;
      case AuxField::ReasonSite:
        item.event.aux = pack_reason_site(BlockReason::ChanRecv, 12);
        break;
      case AuxField::KindSite:
        item.event.aux = pack_kind_site(ObjectKind::Channel, 12);
        break;
      case AuxField::VictimCount:
        item.event.aux = pack_victim_count(2, 17);
        break;
      case AuxField::Operation:
        item.event.aux = static_cast<std::uint32_t>(ArmOperation::Send);
        break;
      case AuxField::DepthSite:
        item.event.aux = pack_depth_site(200, 12);
        break;
      case AuxField::Name:
        item.event.aux = kNameMax;
        break;
      case AuxField::Bytes:
        item.text = "a \"quoted\"\ttext\nwith \\ everything # in it";
        item.event.aux = static_cast<std::uint32_t>(item.text.size());
        break;
    }
    const std::string line = format_text(item);
    const auto parsed = parse_text(line);
    ASSERT_TRUE(parsed) << line << ": " << parsed.error().message;
    ASSERT_EQ(parsed->size(), 1u);
    EXPECT_EQ(parsed->front(), item) << line;
  }
}

TEST(TextForm, MistakesNameTheLine) {
  const auto result = parse_text("# fine\nw0 1 spawn task=2 site=1\nw0 2 spawn task=x site=1\n");
  ASSERT_FALSE(result);
  EXPECT_NE(result.error().message.find("line 3"), std::string::npos) << result.error().message;
  EXPECT_FALSE(parse_text("w0 1 nonsense"));
  EXPECT_FALSE(parse_text("x0 1 yield"));
  EXPECT_FALSE(parse_text("w0 1 yield more"));
  EXPECT_FALSE(parse_text("w9999 1 yield"));
  EXPECT_FALSE(parse_text("w0 1 arm object=2 operation=close"));
}

}  // namespace
}  // namespace taskscope::trace_format
