#include "profiler/capture/live_dump.h"

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <fcntl.h>
#include <system_error>
#include <unistd.h>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

#include "formats/pprof/message_source.h"
#include "formats/pprof/output_file.h"

namespace heapprof::capture {
namespace {

constexpr std::chrono::seconds kPatience{120};  // of a terabyte's heap on a busy machine

// -1 with errno.
int namelessFile(const std::string& folder) {
  const int file = open(folder.c_str(), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  if (file >= 0 || (errno != EOPNOTSUPP && errno != EISDIR && errno != EINVAL)) return file;
  std::string name = folder + "/.heapprof.XXXXXX";
  const int named = mkostemp(name.data(), O_CLOEXEC);
  if (named >= 0) unlink(name.c_str());
  return named;
}

}  // namespace

absl::StatusOr<LiveDump> LiveDump::take(const Control& control, const std::string& folder) {
  const int file = namelessFile(folder);
  if (file < 0)
    return absl::PermissionDeniedError(absl::StrCat(folder, ": no file can be made there (",
                                                    std::generic_category().message(errno),
                                                    "); -o FILE puts it elsewhere"));
  LiveDump dump(file);
  const absl::StatusOr<std::string> answer = control.ask("dump", file, kPatience);
  if (!answer.ok()) return answer.status();
  return dump;
}

LiveDump::LiveDump(LiveDump&& other) noexcept : descriptor_(std::exchange(other.descriptor_, -1)) {}

LiveDump& LiveDump::operator=(LiveDump&& other) noexcept {
  std::swap(descriptor_, other.descriptor_);
  return *this;
}

LiveDump::~LiveDump() {
  if (descriptor_ >= 0) close(descriptor_);
}

std::string LiveDump::path() const {
  return absl::StrCat("/proc/self/fd/", descriptor_);
}

absl::Status LiveDump::saveAs(const std::string& file) const {
  formats::RawInput input(path(), {});
  absl::Status status = input.openFile();
  if (!status.ok()) return status;
  absl::StatusOr<std::unique_ptr<formats::MessageSource>> message = formats::openMessage(input);
  if (!message.ok()) return message.status();
  formats::OutputFile output(file);
  status = output.open(formats::Compression::kGzip);
  if (!status.ok()) return status;
  const wire::Sink sink = output.sink();
  std::vector<std::uint8_t> buffer(std::size_t{1} << 18);
  for (;;) {
    const absl::StatusOr<std::size_t> got = (*message)->read(buffer.data(), buffer.size());
    if (!got.ok()) return got.status();
    if (*got == 0) return output.commit();
    if (!sink.put(sink.context, buffer.data(), *got)) return output.commit();  // says what went wrong
  }
}

std::string freeDumpName(const RunningProcess& process) {
  std::string name = process.name;
  std::replace(name.begin(), name.end(), '/', '_');
  for (int number = 1;; ++number) {
    const std::string candidate = absl::StrCat("heapprof.", name, ".", process.pid, ".", number, ".pb.gz");
    if (access(candidate.c_str(), F_OK) != 0) return candidate;
  }
}

}  // namespace heapprof::capture
