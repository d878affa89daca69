// What the freestanding writer puts out, libprotobuf reads back: primitive by primitive, and every field of
// every message of both schemas, walked by reflection so that none can be forgotten.
#include <cmath>
#include <google/protobuf/util/message_differencer.h>
#include <gtest/gtest.h>
#include <limits>
#include <string>
#include <vector>

#include "formats/proto/profile.pb.h"
#include "formats/wire/writer.h"

namespace heapprof::wire {
namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

// A sink into a string that can be made to fail after some puts.
struct StringSink {
  std::string bytes;
  int putsLeft = std::numeric_limits<int>::max();
  Sink sink() {
    return Sink{[](void* context, const void* data, std::size_t size) {
                  auto* self = static_cast<StringSink*>(context);
                  if (self->putsLeft-- <= 0) {
                    return false;
                  }
                  self->bytes.append(static_cast<const char*>(data), size);
                  return true;
                },
                this};
  }
};

// Distinct values, some of them at the edges.
std::uint64_t valueNumber(int n) {
  const std::uint64_t edges[] = {1, 127, 128, 16383, 16384, 1ull << 32, 1ull << 63, ~0ull};
  return n % 3 == 0 ? edges[static_cast<std::size_t>(n / 3) % 8]
                    : static_cast<std::uint64_t>(n) * 2654435761u;
}

class Filler {
 public:
  // Sets every field; three entries in each repeated one; messages inside are filled as well.
  void fill(Message* message) {
    const Descriptor* type = message->GetDescriptor();
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor* field = type->field(i);
      for (int entry = 0; entry < (field->is_repeated() ? 3 : 1); ++entry) {
        set(message, field);
      }
    }
  }
  int fieldsSet() const { return next_; }

 private:
  void set(Message* message, const FieldDescriptor* field) {
    const auto* reflection = message->GetReflection();
    const std::uint64_t value = valueNumber(next_++);
    const bool many = field->is_repeated();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_UINT64:
        return many ? reflection->AddUInt64(message, field, value)
                    : reflection->SetUInt64(message, field, value);
      case FieldDescriptor::CPPTYPE_INT64: {
        const auto number = static_cast<std::int64_t>(value);
        return many ? reflection->AddInt64(message, field, number)
                    : reflection->SetInt64(message, field, number);
      }
      case FieldDescriptor::CPPTYPE_UINT32: {
        const auto number = static_cast<std::uint32_t>(value % 0xffffffffu + 1);  // never 0, which is absent
        return many ? reflection->AddUInt32(message, field, number)
                    : reflection->SetUInt32(message, field, number);
      }
      case FieldDescriptor::CPPTYPE_DOUBLE: {
        const double number = static_cast<double>(value) / 3;
        return many ? reflection->AddDouble(message, field, number)
                    : reflection->SetDouble(message, field, number);
      }
      case FieldDescriptor::CPPTYPE_BOOL:
        return reflection->SetBool(message, field, true);
      case FieldDescriptor::CPPTYPE_ENUM:
        return reflection->SetEnumValue(message, field, static_cast<int>(1 + value % 3));
      case FieldDescriptor::CPPTYPE_STRING:
        return reflection->AddString(message, field, "text " + std::to_string(value));
      case FieldDescriptor::CPPTYPE_MESSAGE:
        return fill(many ? reflection->AddMessage(message, field)
                         : reflection->MutableMessage(message, field));
      default:
        FAIL() << field->full_name() << " has a type that the wire writer was never asked to write";
    }
  }
  int next_ = 0;
};

// Writes any message with the writer's own functions and sizes: what the runtime does by hand, done by
// reflection.
class WireEncoder {
 public:
  static std::string encode(const Message& message, std::size_t buffer = 4096) {
    StringSink sink;
    std::vector<unsigned char> room(buffer);
    Writer writer(sink.sink(), room.data(), room.size());
    const Descriptor* type = message.GetDescriptor();
    for (int i = 0; i < type->field_count(); ++i) {
      put(message, type->field(i), writer);
    }
    EXPECT_TRUE(writer.flush());
    EXPECT_EQ(writer.written(), sink.bytes.size());
    return sink.bytes;
  }

 private:
  static void put(const Message& message, const FieldDescriptor* field, Writer& writer) {
    const auto& reflection = *message.GetReflection();
    const auto number = static_cast<std::uint32_t>(field->number());
    if (field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      const int count = field->is_repeated()                  ? reflection.FieldSize(message, field)
                        : reflection.HasField(message, field) ? 1
                                                              : 0;
      for (int i = 0; i < count; ++i) {
        const std::string inner =
            encode(field->is_repeated() ? reflection.GetRepeatedMessage(message, field, i)
                                        : reflection.GetMessage(message, field));
        writer.beginNested(number, inner.size());
        writer.raw(inner.data(), inner.size());
      }
    } else if (field->cpp_type() == FieldDescriptor::CPPTYPE_STRING) {
      for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
        writer.string(number, reflection.GetRepeatedString(message, field, i).c_str());
      }
    } else if (field->is_repeated()) {
      packed(message, field, writer);
    } else {
      single(message, field, writer);
    }
  }

  static std::uint64_t entry(const Message& message, const FieldDescriptor* field, int i) {
    const auto& reflection = *message.GetReflection();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_UINT64:
        return reflection.GetRepeatedUInt64(message, field, i);
      case FieldDescriptor::CPPTYPE_INT64:
        return static_cast<std::uint64_t>(reflection.GetRepeatedInt64(message, field, i));
      case FieldDescriptor::CPPTYPE_UINT32:
        return reflection.GetRepeatedUInt32(message, field, i);
      case FieldDescriptor::CPPTYPE_DOUBLE: {
        const double number = reflection.GetRepeatedDouble(message, field, i);
        std::uint64_t bits = 0;
        std::memcpy(&bits, &number, sizeof bits);
        return bits;
      }
      default:
        ADD_FAILURE() << field->full_name();
        return 0;
    }
  }

  static bool fixed(const FieldDescriptor* field) {
    return field->type() == FieldDescriptor::TYPE_FIXED64 || field->type() == FieldDescriptor::TYPE_DOUBLE;
  }

  static void packed(const Message& message, const FieldDescriptor* field, Writer& writer) {
    const int count = message.GetReflection()->FieldSize(message, field);
    std::size_t size = 0;
    for (int i = 0; i < count; ++i) {
      size += fixed(field) ? 8 : varintSize(entry(message, field, i));
    }
    writer.beginNested(static_cast<std::uint32_t>(field->number()), size);
    for (int i = 0; i < count; ++i) {
      const std::uint64_t value = entry(message, field, i);
      fixed(field) ? writer.rawFixed64(value) : writer.rawVarint(value);
    }
  }

  static void single(const Message& message, const FieldDescriptor* field, Writer& writer) {
    const auto& reflection = *message.GetReflection();
    const auto number = static_cast<std::uint32_t>(field->number());
    const bool present = field->has_optional_keyword();
    switch (field->cpp_type()) {
      case FieldDescriptor::CPPTYPE_UINT64: {
        const std::uint64_t value = reflection.GetUInt64(message, field);
        return present ? writer.uint64Always(number, value) : writer.uint64(number, value);
      }
      case FieldDescriptor::CPPTYPE_INT64:
        return writer.int64(number, reflection.GetInt64(message, field));
      case FieldDescriptor::CPPTYPE_UINT32:
        return writer.uint64(number, reflection.GetUInt32(message, field));
      case FieldDescriptor::CPPTYPE_BOOL:
        return writer.boolean(number, reflection.GetBool(message, field));
      case FieldDescriptor::CPPTYPE_ENUM:
        return writer.uint64(number, static_cast<std::uint64_t>(reflection.GetEnumValue(message, field)));
      default:
        FAIL() << field->full_name() << " has a type that the wire writer was never asked to write";
    }
  }
};

void expectRoundTrip(const Message& original) {
  std::unique_ptr<Message> back(original.New());
  ASSERT_TRUE(back->ParseFromString(WireEncoder::encode(original))) << original.GetTypeName();
  std::string differences;
  google::protobuf::util::MessageDifferencer differencer;
  differencer.ReportDifferencesToString(&differences);
  EXPECT_TRUE(differencer.Compare(original, *back)) << original.GetTypeName() << ":\n" << differences;
}

TEST(WireWriter, EveryFieldOfEveryMessageOfBothSchemasReadsBack) {
  int messages = 0;
  for (const auto* file :
       {heapprof::HeapSnapshot::descriptor()->file(), heapprof::pprof::Profile::descriptor()->file()}) {
    for (int i = 0; i < file->message_type_count(); ++i) {
      const Message* prototype =
          google::protobuf::MessageFactory::generated_factory()->GetPrototype(file->message_type(i));
      std::unique_ptr<Message> message(prototype->New());
      Filler().fill(message.get());
      std::vector<const FieldDescriptor*> present;
      message->GetReflection()->ListFields(*message, &present);
      EXPECT_EQ(present.size(), static_cast<std::size_t>(file->message_type(i)->field_count()))
          << file->message_type(i)->name();
      expectRoundTrip(*message);
      ++messages;
    }
  }
  EXPECT_GE(messages, 23);
}

TEST(WireWriter, ZerosAreLeftOutButOptionalZerosAreWritten) {
  heapprof::Totals totals;
  totals.set_kernel_rss_bytes(0);
  heapprof::Totals back;
  ASSERT_TRUE(back.ParseFromString(WireEncoder::encode(totals)));
  EXPECT_TRUE(back.has_kernel_rss_bytes());

  StringSink sink;
  unsigned char room[64];
  Writer writer(sink.sink(), room, sizeof room);
  writer.uint64(1, 0);
  writer.int64(2, 0);
  writer.fixed64(3, 0);
  writer.float64(4, 0.0);
  writer.boolean(5, false);
  EXPECT_TRUE(writer.flush());
  EXPECT_EQ(sink.bytes, "");
  writer.bytes(6, "", 0);  // an empty string table entry must be there
  EXPECT_TRUE(writer.flush());
  EXPECT_EQ(sink.bytes, std::string("\x32\x00", 2));
}

TEST(WireWriter, DoublesKeepTheirBitsIncludingMinusZeroAndInfinity) {
  for (const double value : {1.5, -0.0, 1e-310, std::numeric_limits<double>::infinity(), -2.25}) {
    StringSink sink;
    unsigned char room[64];
    Writer writer(sink.sink(), room, sizeof room);
    writer.float64(1, value);
    ASSERT_TRUE(writer.flush());
    google::protobuf::UnknownFieldSet fields;
    ASSERT_TRUE(fields.ParseFromString(sink.bytes));
    ASSERT_EQ(fields.field_count(), 1);
    std::uint64_t bits = 0;
    std::memcpy(&bits, &value, sizeof bits);
    EXPECT_EQ(fields.field(0).fixed64(), bits);
  }
}

TEST(WireWriter, TheBufferSizeNeverChangesTheBytes) {
  heapprof::pprof::Profile profile;
  Filler().fill(&profile);
  const std::string expected = WireEncoder::encode(profile, 1 << 20);
  ASSERT_GT(expected.size(), 2000u);
  for (const std::size_t capacity : {0, 1, 2, 7, 9, 10, 11, 19, 64, 1000}) {
    EXPECT_EQ(WireEncoder::encode(profile, capacity), expected) << capacity;
  }
}

TEST(WireWriter, AfterTheSinkFailedNothingMoreIsPutAndOkIsFalse) {
  for (int puts = 0; puts < 20; ++puts) {
    StringSink sink;
    sink.putsLeft = puts;
    unsigned char room[16];
    Writer writer(sink.sink(), room, sizeof room);
    for (int i = 0; i < 100; ++i) {
      writer.uint64Always(1, 300);
      writer.string(2, "forty bytes of text, past the whole buffer");
    }
    EXPECT_FALSE(writer.flush());
    EXPECT_FALSE(writer.ok());
    const std::string before = sink.bytes;
    sink.putsLeft = 1000;  // a sink that recovers must not get a message with a hole
    writer.string(2, "late");
    writer.rawVarint(1);
    EXPECT_FALSE(writer.flush());
    EXPECT_EQ(sink.bytes, before);
  }
}

TEST(WireWriter, SizesAreWhatIsWritten) {
  for (int shift = 0; shift < 64; ++shift) {
    for (const std::uint64_t value : {(1ull << shift) - 1, 1ull << shift, (1ull << shift) + 1}) {
      StringSink sink;
      unsigned char room[16];
      Writer writer(sink.sink(), room, sizeof room);
      writer.rawVarint(value);
      ASSERT_TRUE(writer.flush());
      EXPECT_EQ(varintSize(value), sink.bytes.size()) << value;
    }
  }
  EXPECT_EQ(tagSize(15), 1u);
  EXPECT_EQ(tagSize(16), 2u);
  EXPECT_EQ(tagSize(1000), 2u);
}

TEST(WireChunk, RefusesWholeWhatDoesNotFit) {
  unsigned char room[12];
  Chunk chunk(room, sizeof room);
  EXPECT_TRUE(chunk.appendFixed64(0x0102030405060708));
  EXPECT_EQ(chunk.data()[0], 0x08);
  EXPECT_FALSE(chunk.appendFixed64(1));
  EXPECT_FALSE(chunk.appendVarint(1ull << 35));
  EXPECT_EQ(chunk.size(), 8u);
  EXPECT_TRUE(chunk.appendVarint(300));
  EXPECT_FALSE(chunk.append("abc", 3));
  EXPECT_TRUE(chunk.append("ab", 2));
  EXPECT_EQ(chunk.room(), 0u);
  chunk.clear();
  EXPECT_EQ(chunk.size(), 0u);
}

}  // namespace
}  // namespace heapprof::wire
