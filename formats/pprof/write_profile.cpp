#include "formats/pprof/write_profile.h"

#include <vector>

#include "formats/pprof/output_file.h"
#include "formats/pprof/row_bytes.h"
#include "formats/pprof/snapshot_writer.h"
#include "formats/wire/writer.h"

namespace heapprof::formats {
namespace {

constexpr std::size_t kBufferBytes = 64 << 10;

class ProfileWriter {
 public:
  ProfileWriter(const ProfileColumns& profile, wire::Writer& out) : profile_(profile), out_(out) {}

  // In pprof's order of field numbers, the snapshot last: a reader that wants only stacks stops before it.
  void write() {
    for (const ValueType& type : profile_.sampleTypes) {
      row_.clear();
      valueType(type);
      put(1);
    }
    samples();
    mappings();
    locations();
    functions();
    for (const std::string& text : profile_.strings) {
      out_.bytes(6, text.data(), text.size());
    }
    head();
    if (profile_.hasHeapSnapshot) {
      writeSnapshot(profile_.heapSnapshot, out_);
    }
  }

 private:
  void put(std::uint32_t field) { out_.bytes(field, row_.bytes().data(), row_.bytes().size()); }

  void valueType(const ValueType& type) {
    row_.number(1, std::uint64_t{type.type});
    row_.number(2, std::uint64_t{type.unit});
  }

  void samples() {
    const SampleColumns& samples = profile_.samples;
    const LabelColumns& labels = samples.labels;
    const std::size_t types = profile_.sampleTypes.size();
    for (std::size_t i = 0; i < samples.size(); ++i) {
      row_.clear();
      const absl::Span<const Row> stack = samples.locationsOf(i);
      row_.packed(1, stack.size(), [&](std::size_t k) { return profile_.locations.id[stack[k]]; });
      row_.packed(2, types,
                  [&](std::size_t k) { return static_cast<std::uint64_t>(samples.values[i * types + k]); });
      for (std::uint64_t k = samples.labelBegin[i]; k < samples.labelBegin[i + 1]; ++k) {
        part_.clear();
        part_.number(1, std::uint64_t{labels.key[k]});
        part_.number(2, std::uint64_t{labels.str[k]});
        part_.number(3, labels.num[k]);
        part_.number(4, std::uint64_t{labels.unit[k]});
        row_.message(3, part_);
      }
      put(2);
    }
  }

  void mappings() {
    for (const Mapping& mapping : profile_.mappings) {
      row_.clear();
      row_.number(1, mapping.id);
      row_.number(2, mapping.start);
      row_.number(3, mapping.limit);
      row_.number(4, mapping.offset);
      row_.number(5, std::uint64_t{mapping.file});
      row_.number(6, std::uint64_t{mapping.buildId});
      row_.number(7, std::uint64_t{mapping.hasFunctions});
      row_.number(8, std::uint64_t{mapping.hasFilenames});
      row_.number(9, std::uint64_t{mapping.hasLineNumbers});
      row_.number(10, std::uint64_t{mapping.hasInlineFrames});
      put(3);
    }
  }

  void locations() {
    const LocationColumns& locations = profile_.locations;
    for (std::size_t i = 0; i < locations.size(); ++i) {
      row_.clear();
      row_.number(1, locations.id[i]);
      if (locations.mapping[i] != kNoRow) {
        row_.number(2, profile_.mappings[locations.mapping[i]].id);
      }
      row_.number(3, locations.address[i]);
      for (std::uint64_t k = locations.lineBegin[i]; k < locations.lineBegin[i + 1]; ++k) {
        part_.clear();
        part_.number(1, profile_.functions.id[locations.lineFunction[k]]);
        part_.number(2, locations.lineNumber[k]);
        part_.number(3, locations.lineColumn[k]);
        row_.message(4, part_);
      }
      row_.number(5, std::uint64_t{locations.folded[i]});
      put(4);
    }
  }

  void functions() {
    const FunctionColumns& functions = profile_.functions;
    for (std::size_t i = 0; i < functions.size(); ++i) {
      row_.clear();
      row_.number(1, functions.id[i]);
      row_.number(2, std::uint64_t{functions.name[i]});
      row_.number(3, std::uint64_t{functions.systemName[i]});
      row_.number(4, std::uint64_t{functions.file[i]});
      row_.number(5, functions.startLine[i]);
      put(5);
    }
  }

  void head() {
    out_.uint64(7, profile_.dropFrames);
    out_.uint64(8, profile_.keepFrames);
    out_.int64(9, profile_.timeNanos);
    out_.int64(10, profile_.durationNanos);
    if (profile_.periodType.type != 0 || profile_.periodType.unit != 0) {
      row_.clear();
      valueType(profile_.periodType);
      put(11);
    }
    out_.int64(12, profile_.period);
    for (const StringIndex comment : profile_.comments) {
      out_.uint64Always(13, comment);
    }
    out_.uint64(14, profile_.defaultSampleType);
  }

  const ProfileColumns& profile_;
  wire::Writer& out_;
  RowBytes row_;
  RowBytes part_;
};

}  // namespace

absl::Status writeProfile(const ProfileColumns& profile, const std::string& path, Compression compression) {
  OutputFile file(path);
  if (absl::Status status = file.open(compression); !status.ok()) {
    return status;
  }
  std::vector<unsigned char> buffer(kBufferBytes);
  wire::Writer out(file.sink(), buffer.data(), buffer.size());
  ProfileWriter(profile, out).write();
  out.flush();
  return file.commit();
}

std::string serializeProfile(const ProfileColumns& profile) {
  std::string bytes;
  const wire::Sink sink{[](void* context, const void* data, std::size_t size) {
                          static_cast<std::string*>(context)->append(static_cast<const char*>(data), size);
                          return true;
                        },
                        &bytes};
  std::vector<unsigned char> buffer(kBufferBytes);
  wire::Writer out(sink, buffer.data(), buffer.size());
  ProfileWriter(profile, out).write();
  out.flush();
  return bytes;
}

}  // namespace heapprof::formats
