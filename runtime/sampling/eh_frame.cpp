#include "runtime/sampling/eh_frame.h"

#include <atomic>
#include <dlfcn.h>
#include <sys/auxv.h>

#include "runtime/sampling/dwarf_reader.h"
#include "runtime/sampling/frame_program.h"
#include "runtime/sampling/trie.h"

namespace heapprof::sampling {

constinit CodeObject permanentObjects[kPermanentObjects] = {};

namespace {

// glibc's struct dl_find_object on 64-bit Linux, spelt out so that older headers do. The function is looked
// up by name: a reference to it would bind GLIBC_2.35.
struct FoundObject {
  unsigned long long flags;
  void* mapStart;
  void* mapEnd;
  void* linkMap;
  void* ehFrameHeader;
  unsigned long long reserved[7];
};
using FindObjectFunction = int (*)(void* address, FoundObject* result);

constinit std::atomic<FindObjectFunction> findObject{nullptr};

//   .eh_frame_hdr:  version 1 | encodings of pointer, count, table | pointer | count | {start, FDE} sorted by
//   start
constexpr std::uint8_t kHeaderVersion = 1;
constexpr std::uint8_t kTableEncoding =
    kEncodingDataRelative | 0x0b;  // pairs of signed 4 bytes, from the header on

struct TableRow {
  std::int32_t start;
  std::int32_t entry;
};

// Null where the header has no search table or nothing begins at or below `address`.
const std::uint8_t* findEntry(const std::uint8_t* header, std::uintptr_t address) noexcept {
  DwarfReader in(header, header + 32);
  const std::uint8_t version = in.byte();
  const std::uint8_t pointerEncoding = in.byte();
  const std::uint8_t countEncoding = in.byte();
  const std::uint8_t tableEncoding = in.byte();
  if (version != kHeaderVersion || tableEncoding != kTableEncoding || countEncoding == kEncodingOmitted)
    return nullptr;
  const auto base = reinterpret_cast<std::uintptr_t>(header);
  in.encoded(pointerEncoding, base);
  const std::uintptr_t count = in.encoded(countEncoding, base);
  if (!in.ok() || count == 0) return nullptr;
  const auto* rows = reinterpret_cast<const TableRow*>(in.position());
  const auto startOf = [&](std::uintptr_t i) {
    return base + static_cast<std::uintptr_t>(static_cast<std::intptr_t>(rows[i].start));
  };
  if (address < startOf(0)) return nullptr;
  std::uintptr_t low = 0;  // startOf(low) <= address < startOf(high), the latter read as infinite at the end
  std::uintptr_t high = count;
  while (high - low > 1) {
    const std::uintptr_t middle = low + (high - low) / 2;
    (startOf(middle) <= address ? low : high) = middle;
  }
  return header + rows[low].entry;
}

// The body of a length-prefixed entry: begin at the id field.
bool openEntry(const std::uint8_t* entry, const std::uint8_t** begin, const std::uint8_t** end) noexcept {
  DwarfReader in(entry, entry + 12);
  std::uint64_t length = in.fixed<std::uint32_t>();
  if (length == 0xffffffffu) length = in.fixed<std::uint64_t>();
  constexpr std::uint64_t kLargestEntry = std::uint64_t{1} << 24;
  if (length == 0 || length > kLargestEntry) return false;
  *begin = in.position();
  *end = in.position() + length;
  return true;
}

bool readAugmentation(const char* letters, DwarfReader& in, CommonEntry* out) noexcept {
  if (*letters == '\0') return true;
  if (*letters != 'z') return false;  // without a length it could not be skipped
  out->hasAugmentationData = true;
  const std::uint64_t length = in.uleb();
  const std::uint8_t* after = in.position() + length;
  for (++letters; *letters != '\0'; ++letters) {
    switch (*letters) {
      case 'R':
        out->pointerEncoding = in.byte();
        break;
      case 'P': {
        const std::uint8_t encoding = in.byte();
        in.encoded(encoding & static_cast<std::uint8_t>(~kEncodingIndirect));
        break;
      }
      case 'L':
        in.byte();
        break;
      case 'S':
        out->signalFrame = true;
        break;
      case 'B':  // AArch64: signed with the other key
        break;
      default:
        return false;
    }
  }
  if (!in.ok() || in.position() > after) return false;
  in.skip(static_cast<std::uint64_t>(after - in.position()));
  return in.ok();
}

bool readCommonEntry(const std::uint8_t* entry, CommonEntry* out) noexcept {
  const std::uint8_t* begin = nullptr;
  if (!openEntry(entry, &begin, &out->end)) return false;
  DwarfReader in(begin, out->end);
  if (in.fixed<std::uint32_t>() != 0) return false;
  const std::uint8_t version = in.byte();
  if (version != 1 && version != 3) return false;
  const char* letters = reinterpret_cast<const char*>(in.position());
  while (in.ok() && in.byte() != 0) {
  }
  out->codeAlignment = in.uleb();
  out->dataAlignment = in.sleb();
  out->returnColumn = version == 1 ? in.byte() : in.uleb();
  if (!in.ok() || !readAugmentation(letters, in, out)) return false;
  out->program = in.position();
  return true;
}

}  // namespace

bool openEhFrame(const char** note) noexcept {
  auto found = reinterpret_cast<FindObjectFunction>(dlsym(RTLD_DEFAULT, "_dl_find_object"));
  if (found == nullptr) {
    *note = "this libc has no _dl_find_object (glibc 2.35)";
    return false;
  }
  findObject.store(found, std::memory_order_release);
  findCodeObject(getauxval(AT_ENTRY), &permanentObjects[0]);
  findCodeObject(reinterpret_cast<std::uintptr_t>(dlsym(RTLD_DEFAULT, "gnu_get_libc_version")),
                 &permanentObjects[1]);
  return true;
}

bool findCodeObject(std::uintptr_t address, CodeObject* out) noexcept {
  const FindObjectFunction find = findObject.load(std::memory_order_acquire);
  FoundObject found;
  if (find == nullptr || find(reinterpret_cast<void*>(address), &found) != 0) return false;
  if (found.ehFrameHeader == nullptr) return false;
  out->begin = reinterpret_cast<std::uintptr_t>(found.mapStart);
  out->end = reinterpret_cast<std::uintptr_t>(found.mapEnd);
  out->header = static_cast<const std::uint8_t*>(found.ehFrameHeader);
  // The header's first 16 bytes hold the place of .eh_frame and the number of functions: a rebuilt plugin
  // that is loaded to the old one's address differs there.
  std::uint64_t words[2];
  std::memcpy(words, out->header, sizeof words);
  out->fingerprint = mix(out->begin * 0x9fb21c651e98df25u + out->end * 0xd1342543de82ef95u +
                             words[0] * 0xbf58476d1ce4e5b9u + words[1] * 0x94d049bb133111ebu,
                         reinterpret_cast<std::uintptr_t>(found.ehFrameHeader));
  return true;
}

FrameRule findRule(const CodeObject& object, std::uintptr_t address) noexcept {
  const std::uint8_t* entry = findEntry(object.header, address);
  const std::uint8_t* begin = nullptr;
  const std::uint8_t* end = nullptr;
  if (entry == nullptr || !openEntry(entry, &begin, &end)) return {};
  DwarfReader in(begin, end);
  const std::uint32_t toCommon = in.fixed<std::uint32_t>();  // distance back to the CIE
  CommonEntry common;
  if (toCommon == 0 || !readCommonEntry(begin - toCommon, &common)) return {};
  const std::uintptr_t start = in.encoded(common.pointerEncoding);
  const std::uintptr_t length = in.encoded(common.pointerEncoding & 0x0f);
  if (!in.ok() || address < start || address - start >= length) return {};
  if (common.hasAugmentationData) in.skip(in.uleb());
  if (!in.ok()) return {};
  return runFrameProgram(common, in.position(), end, start, address);
}

}  // namespace heapprof::sampling
