#include "tests/runtime/introspect/support.h"

#include <cstdlib>
#include <cstring>
#include <dirent.h>
#include <fstream>
#include <gtest/gtest.h>
#include <sstream>
#include <unistd.h>
#include <zlib.h>

#include "heapprof/heapprof.h"

#include "formats/pprof/read_profile.h"
#include "runtime/entry/malloc_family.h"

namespace heapprof::tests {

Scratch::Scratch() {
  char name[] = "/tmp/heapprof-introspect.XXXXXX";
  folder_ = mkdtemp(name);
}

Scratch::~Scratch() {
  for (const std::string& file : files()) unlink(path(file).c_str());
  rmdir(folder_.c_str());
}

std::vector<std::string> Scratch::files() const {
  std::vector<std::string> out;
  DIR* directory = opendir(folder_.c_str());
  while (const dirent* entry = readdir(directory)) {
    if (entry->d_name[0] != '.') out.emplace_back(entry->d_name);
  }
  closedir(directory);
  return out;
}

std::string readFile(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream out;
  out << in.rdbuf();
  return out.str();
}

std::string gunzip(const std::string& bytes) {
  z_stream stream = {};
  if (inflateInit2(&stream, 16 + MAX_WBITS) != Z_OK) return "";
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(bytes.data()));
  stream.avail_in = static_cast<uInt>(bytes.size());
  std::string out;
  int state = Z_OK;
  while (state == Z_OK) {
    char buffer[65536];
    stream.next_out = reinterpret_cast<Bytef*>(buffer);
    stream.avail_out = sizeof buffer;
    state = inflate(&stream, Z_NO_FLUSH);
    out.append(buffer, sizeof buffer - stream.avail_out);
  }
  const bool whole = state == Z_STREAM_END && stream.avail_in == 0;
  inflateEnd(&stream);
  return whole ? out : "";
}

formats::ProfileColumns readDump(const std::string& path) {
  auto profile = formats::readProfile(path);
  EXPECT_TRUE(profile.ok()) << profile.status();
  return profile.ok() ? *std::move(profile) : formats::ProfileColumns{};
}

pprof::Profile parseDump(const std::string& path) {
  pprof::Profile profile;
  EXPECT_TRUE(profile.ParseFromString(gunzip(readFile(path)))) << path;
  return profile;
}

formats::ProfileColumns dumpNow(const Scratch& scratch, const std::string& name) {
  const std::string path = scratch.path(name);
  const int error = heapprof_dump(path.c_str());
  EXPECT_EQ(error, 0) << strerror(error);
  return error == 0 ? readDump(path) : formats::ProfileColumns{};
}

__attribute__((noinline)) void Objects::add(std::size_t count, std::size_t bytes, bool touch) {
  objects_.reserve(objects_.size() + count);
  for (std::size_t i = 0; i < count; ++i) {
    void* object = hp_malloc(bytes);
    if (touch) std::memset(object, 0x5a, bytes);
    objects_.push_back(object);
  }
}

void Objects::freeEverySecond() {
  for (std::size_t i = 0; i < objects_.size(); i += 2) {
    hp_free(objects_[i]);
    objects_[i] = nullptr;
  }
}

void Objects::freeAll() {
  for (void* object : objects_) hp_free(object);
  objects_.clear();
}

Sampling::Sampling(std::uint64_t interval) {
  EXPECT_EQ(heapprof_start(interval), 0);
}

Sampling::~Sampling() {
  heapprof_stop();
}

std::int64_t total(const formats::ProfileColumns& profile, const std::string& type) {
  std::int64_t sum = 0;
  const std::size_t types = profile.sampleTypes.size();
  for (std::size_t t = 0; t < types; ++t) {
    if (profile.strings[profile.sampleTypes[t].type] != type) continue;
    for (std::size_t i = t; i < profile.samples.values.size(); i += types) sum += profile.samples.values[i];
  }
  return sum;
}

}  // namespace heapprof::tests
