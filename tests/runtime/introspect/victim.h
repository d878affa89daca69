// One victim on the real library (trigger_victim.c), and what it leaves in a scratch folder.
#pragma once

#include <string>
#include <sys/types.h>

#include "tests/runtime/introspect/support.h"

namespace heapprof::tests {

// Started with HEAPPROF=OPTIONS,path=SCRATCH/d.%n, without a control socket unless OPTIONS name one; its
// stdin, stdout and stderr are pipes.
class Victim {
 public:
  Victim(const Scratch& scratch, const std::string& how, const std::string& options,
         const std::string& name = "d.%n", void (*beforeExec)() = nullptr);
  ~Victim();
  Victim(const Victim&) = delete;
  Victim& operator=(const Victim&) = delete;

  pid_t pid() const { return pid_; }
  void waitReady();
  void command(char letter);  // of "obeys"; waits until it is done
  void send(const std::string& letters);
  int end();          // waits; its status
  void closeInput();  // "obeys" ends
  std::string errors();

 private:
  pid_t pid_ = -1;
  int in_ = -1, out_ = -1, err_ = -1;
  bool ended_ = false;
};

void waitForFiles(const Scratch& scratch, std::size_t count);
heapprof::DumpReason reasonOf(const Scratch& scratch, const std::string& name);

}  // namespace heapprof::tests
