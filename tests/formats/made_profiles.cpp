#include "tests/formats/made_profiles.h"

#include <algorithm>
#include <gtest/gtest.h>
#include <random>
#include <vector>
#include <zlib.h>

#include "formats/pprof/row_bytes.h"

namespace heapprof::formats::testing {
namespace {

using heapprof::pprof::Profile;
using Generator = std::mt19937_64;

std::uint64_t below(Generator& random, std::uint64_t limit) {
  return limit == 0 ? 0 : random() % limit;
}

void addSnapshot(Profile* profile) {
  heapprof::HeapSnapshot* snapshot = profile->mutable_heap_snapshot();
  for (const char* text : {"", "heapprof 0.1.0", "/usr/bin/server", "host", "6.1.0", "x86_64", "sample",
                           "512k", "pagemap", "worker-1", "frame-pointer"}) {
    snapshot->add_string_table(text);
  }
  heapprof::Header* header = snapshot->mutable_header();
  header->set_format_version(1);
  header->set_runtime_version(1);
  header->set_program(2);
  header->set_pid(4711);
  header->set_reason(heapprof::GENERATED);
  header->add_option_keys(6);
  header->add_option_values(7);
  header->add_capabilities()->set_name(8);
  header->set_unwinder(10);
  header->set_sampling_interval_bytes(524288);
  header->mutable_geometry()->set_page_bytes(4096);
  header->mutable_geometry()->set_granule_bytes(32768);
  header->mutable_geometry()->set_placement_bytes(2 << 20);
  snapshot->mutable_totals()->set_kernel_rss_bytes(12345678);
  snapshot->mutable_totals()->set_swapped_bytes(0);
  heapprof::Extents* extents = snapshot->mutable_extents();
  heapprof::HugePages* pages = snapshot->mutable_huge_pages();
  for (std::uint64_t i = 0; i < 3; ++i) {
    extents->add_start_delta(i == 0 ? 0x100000000000 : 65536);
    extents->add_length_bytes(65536);
    extents->add_kind(heapprof::SMALL_SLAB);
    extents->add_class_size(64);
    pages->add_index_delta(i == 0 ? 5 : i);
    pages->add_used_granules(0xff00ff00 + i);
    for (std::uint64_t word = 0; word < 8; ++word) {
      pages->add_resident_pages(~word);
    }
  }
  heapprof::LiveSamples* samples = snapshot->mutable_samples();
  samples->add_address(0x100000000040);
  samples->add_allocated_bytes(64);
  samples->add_stack(1);
  snapshot->mutable_purges()->set_passes(2);
  snapshot->mutable_purges()->add_events()->set_returned_bytes(4096);
  snapshot->mutable_timeline()->add_time_nanos(1);
  snapshot->mutable_timeline()->add_rss_bytes(4096);
  snapshot->mutable_timeline()->add_mark_time_nanos(1);
  snapshot->mutable_timeline()->add_mark_name(9);
  snapshot->mutable_threads()->add_id(4712);
  snapshot->mutable_threads()->add_name(9);
  heapprof::Stacks* stacks = snapshot->mutable_stacks();
  stacks->add_id(1);
  stacks->add_sample_index(0);
  stacks->add_variance_inuse_bytes(1.5);
  for (std::uint32_t bucket = 0; bucket < 48; ++bucket) {
    stacks->add_lifetime_buckets(bucket);
  }
  snapshot->mutable_size_classes()->add_size(64);
}

std::uint64_t freshId(Generator& random, std::size_t row) {
  switch (below(random, 4)) {
    case 0:
      return (std::uint64_t{1} << 63) + row * 977;
    case 1:
      return (std::uint64_t{1} << 31) + row - 1;  // around the reader's border between small and large
    case 2:
      return 1000000 + row * 7919;
    default:
      return row + 1;
  }
}

template <class Messages>
std::uint64_t anyId(Generator& random, const Messages& messages) {
  return messages.Get(static_cast<int>(below(random, static_cast<std::uint64_t>(messages.size())))).id();
}

}  // namespace

Profile dumpLikeProfile() {
  Profile profile;
  for (const char* text :
       {"", "inuse_objects", "count", "inuse_space", "bytes", "/usr/bin/server", "abcdef0123", "main",
        "serve", "server.cpp", "space", "a comment", "kind", "malloc"}) {
    profile.add_string_table(text);
  }
  for (const auto& [type, unit] : {std::pair{1, 2}, std::pair{3, 4}}) {
    profile.add_sample_type()->set_type(type);
    profile.mutable_sample_type(profile.sample_type_size() - 1)->set_unit(unit);
  }
  auto* mapping = profile.add_mapping();
  mapping->set_id(1);
  mapping->set_memory_start(0x400000);
  mapping->set_memory_limit(0x500000);
  mapping->set_filename(5);
  mapping->set_build_id(6);
  mapping->set_has_functions(true);
  for (int i = 0; i < 2; ++i) {
    auto* function = profile.add_function();
    function->set_id(static_cast<std::uint64_t>(i) + 1);
    function->set_name(7 + i);
    function->set_filename(9);
  }
  for (std::uint64_t i = 0; i < 4; ++i) {
    auto* location = profile.add_location();
    location->set_id(i + 1);
    location->set_mapping_id(1);
    location->set_address(0x400100 + 16 * i);
    location->add_line()->set_function_id(1 + i % 2);
  }
  for (std::uint64_t i = 0; i < 5; ++i) {
    auto* sample = profile.add_sample();
    sample->add_location_id(1 + i % 4);
    sample->add_location_id(1);
    sample->add_value(static_cast<std::int64_t>(i) + 1);
    sample->add_value(64 * (static_cast<std::int64_t>(i) + 1));
    auto* label = sample->add_label();
    label->set_key(4);
    label->set_num(64);
    label->set_num_unit(4);
    label = sample->add_label();
    label->set_key(12);
    label->set_str(13);
  }
  profile.set_time_nanos(1735689600000000000);
  profile.mutable_period_type()->set_type(10);
  profile.mutable_period_type()->set_unit(4);
  profile.set_period(524288);
  profile.add_comment(11);
  profile.set_default_sample_type(3);
  addSnapshot(&profile);
  return profile;
}

Profile randomProfile(std::uint64_t seed) {
  Generator random(seed);
  Profile profile;
  const std::uint64_t strings = 1 + below(random, 30);
  const auto text = [&] { return static_cast<std::int64_t>(below(random, strings)); };
  for (std::uint64_t i = 0; i < strings; ++i) {
    profile.add_string_table(i == 0 ? "" : std::string(below(random, 40), static_cast<char>('a' + i % 26)));
  }
  const std::uint64_t types = 1 + below(random, 4);
  for (std::uint64_t i = 0; i < types; ++i) {
    profile.add_sample_type()->set_type(text());
  }
  for (std::size_t i = 0; i < below(random, 5); ++i) {
    auto* mapping = profile.add_mapping();
    mapping->set_id(freshId(random, i));
    mapping->set_memory_start(random());
    mapping->set_build_id(text());
    mapping->set_has_inline_frames(below(random, 2) == 0);
  }
  const std::size_t functions = below(random, 20), locations = below(random, 30), samples = below(random, 60);
  for (std::size_t i = 0; i < functions; ++i) {
    auto* function = profile.add_function();
    function->set_id(freshId(random, i));
    function->set_name(text());
    function->set_system_name(text());
    function->set_start_line(static_cast<std::int64_t>(random()));
  }
  for (std::size_t i = 0; i < locations; ++i) {
    auto* location = profile.add_location();
    location->set_id(freshId(random, i));
    location->set_address(random() >> below(random, 64));
    location->set_is_folded(below(random, 5) == 0);
    if (profile.mapping_size() != 0 && below(random, 3) != 0) {
      location->set_mapping_id(anyId(random, profile.mapping()));
    }
    for (std::size_t k = below(random, 4); functions != 0 && k > 0; --k) {
      auto* line = location->add_line();
      line->set_function_id(anyId(random, profile.function()));
      line->set_line(static_cast<std::int64_t>(random()));
      line->set_column(static_cast<std::int64_t>(below(random, 100)));
    }
  }
  for (std::size_t i = 0; i < samples; ++i) {
    auto* sample = profile.add_sample();
    for (std::size_t k = below(random, 12); locations != 0 && k > 0; --k) {
      sample->add_location_id(anyId(random, profile.location()));
    }
    for (std::uint64_t k = 0; k < types; ++k) {
      sample->add_value(static_cast<std::int64_t>(random()) >> below(random, 64));
    }
    for (std::size_t k = below(random, 3); k > 0; --k) {
      auto* label = sample->add_label();
      label->set_key(text());
      label->set_str(text());
      label->set_num(static_cast<std::int64_t>(random()));
      label->set_num_unit(text());
    }
  }
  profile.set_drop_frames(text());
  profile.set_keep_frames(text());
  profile.set_duration_nanos(static_cast<std::int64_t>(random()));
  for (std::size_t k = below(random, 4); k > 0; --k) {
    profile.add_comment(text());
  }
  if (below(random, 2) == 0) {
    addSnapshot(&profile);
    if (samples == 0) {
      profile.mutable_heap_snapshot()->clear_stacks();
    }
  }
  return profile;
}

namespace {

// Appends an unknown field of one of the four wire types that may be skipped.
void addUnknown(Generator& random, std::string* out, std::uint64_t* count) {
  if (count == nullptr || below(random, 3) != 0) {
    return;
  }
  RowBytes field;
  const std::uint64_t number = 500 + below(random, 3);
  const std::uint64_t type = std::vector<std::uint64_t>{0, 1, 2, 5}[below(random, 4)];
  field.varint(number << 3 | type);
  if (type == 0) {
    field.varint(random());
  } else if (type == 2) {
    field.varint(11);
  }
  *out += field.bytes() + std::string(type == 1 ? 8 : type == 2 ? 11 : type == 5 ? 4 : 0, '\xff');
  ++*count;
}

void addMessage(std::uint32_t field, const std::string& content, std::vector<std::string>* out) {
  RowBytes row;
  row.beginBytes(field, content.size());
  out->push_back(row.bytes() + content);
}

std::string unpackedSample(const heapprof::pprof::Sample& sample, Generator& random, std::uint64_t* unknown) {
  RowBytes row;
  std::string bytes;
  for (const std::uint64_t id : sample.location_id()) {
    row.varint(1 << 3);
    row.varint(id);
  }
  for (const std::int64_t value : sample.value()) {
    row.varint(2 << 3);
    row.varint(static_cast<std::uint64_t>(value));
  }
  bytes = row.bytes();
  addUnknown(random, &bytes, unknown);
  for (const auto& label : sample.label()) {
    RowBytes head;
    std::string content = label.SerializeAsString();
    addUnknown(random, &content, unknown);
    head.beginBytes(3, content.size());
    bytes += head.bytes() + content;
  }
  return bytes;
}

}  // namespace

std::string shuffledBytes(const Profile& profile, std::uint64_t seed, std::uint64_t* unknown) {
  Generator random(seed);
  std::vector<std::string> pieces;  // string_table keeps its order, and samples theirs
  for (const auto& sample : profile.sample()) {
    const bool unpack = below(random, 2) == 0;
    addMessage(2, unpack ? unpackedSample(sample, random, unknown) : sample.SerializeAsString(), &pieces);
  }
  for (const auto& location : profile.location()) {
    std::string content = location.SerializeAsString();
    addUnknown(random, &content, unknown);
    addMessage(4, content, &pieces);
  }
  for (const std::string& text : profile.string_table()) {
    addMessage(6, text, &pieces);
  }
  for (const auto& function : profile.function()) {
    addMessage(5, function.SerializeAsString(), &pieces);
  }
  for (const auto& mapping : profile.mapping()) {
    addMessage(3, mapping.SerializeAsString(), &pieces);
  }
  for (const auto& type : profile.sample_type()) {
    addMessage(1, type.SerializeAsString(), &pieces);
  }
  Profile rest = profile;
  rest.clear_sample();
  rest.clear_location();
  rest.clear_string_table();
  rest.clear_function();
  rest.clear_mapping();
  rest.clear_sample_type();
  pieces.push_back(rest.SerializeAsString());
  // Rows of one kind must stay in order among themselves; the kinds may be woven together in any way.
  std::vector<std::vector<std::string>> kinds(20);
  for (std::string& piece : pieces) {
    const auto kind =
        piece.empty() ? 0u : static_cast<std::size_t>(static_cast<unsigned char>(piece[0]) >> 3) % 20;
    kinds[&piece == &pieces.back() ? 19 : kind].push_back(std::move(piece));
  }
  std::string bytes;
  std::vector<std::size_t> next(kinds.size(), 0);
  for (std::size_t left = pieces.size(); left > 0;) {
    const std::size_t kind = below(random, kinds.size());
    if (next[kind] < kinds[kind].size()) {
      bytes += kinds[kind][next[kind]++];
      addUnknown(random, &bytes, unknown);
      --left;
    }
  }
  return bytes;
}

std::string gzipped(const std::string& bytes) {
  std::string out(compressBound(bytes.size()) + 64, '\0');
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, 6, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace heapprof::formats::testing
