/* A program with a heap, for the tests of when dumps happen: usage: trigger_victim HOW. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void* kept[1000];

static void say(const char* text) {
  if (write(1, text, strlen(text)) < 0) _Exit(9);
}

static void waitForSignals(void) {
  say("ready\n");
  for (;;) pause();
}

static void* churnForEver(void* unused) {
  for (;;) {
    free(malloc(100));
  }
  return unused;
}

/* A letter of stdin at a time: a: 16 MiB more, of both kinds; f: frees them; o: one small object;
   c: closes every descriptor but the first three, as daemons do, and opens files of its own there; w: writes
   to these; k: forks a child, which does the same. */
static void obey(void) {
  enum { kPieces = 512, kBytes = 32 << 10, kMost = 64 };
  static void* pieces[kMost][kPieces];
  int steps = 0;
  int own[8] = {0};
  char letter;
  say("ready\n");
  while (read(0, &letter, 1) == 1) {
    if (letter == 'a' && steps < kMost) {
      for (int i = 0; i < kPieces; ++i) memset(pieces[steps][i] = malloc(kBytes), 1, kBytes);
      ++steps;
    }
    while (letter == 'f' && steps > 0) {
      --steps;
      for (int i = 0; i < kPieces; ++i) free(pieces[steps][i]);
    }
    if (letter == 'c') {
      for (int i = 3; i < 1024; ++i) close(i);
      for (int i = 0; i < 8; ++i) own[i] = dup(0);
    }
    for (int i = 0; letter == 'w' && i < 8; ++i) {
      if (own[i] != 3 + i || fcntl(own[i], F_GETFD) < 0) _Exit(8);
    }
    if (letter == 'k' && fork() > 0) pause();
    if (letter == 'o') kept[0] = malloc(5000);
    say("ready\n");
  }
}

static void* endSoon(void* unused) {
  usleep(20000);
  return unused;
}

static void* endLater(void* unused) {
  usleep(1000000);
  return unused;
}

static void exitOfLibraryUsers(void) {
  kept[0] = malloc(100000);
}

int main(int argc, char** argv) {
  const char* how = argc > 1 ? argv[1] : "";
  for (int i = 0; i < 1000; ++i) memset(kept[i] = malloc(1000), 1, 1000);
  if (strcmp(how, "return") == 0) return 5;
  if (strcmp(how, "atexit") == 0) return atexit(exitOfLibraryUsers);
  if (strcmp(how, "_exit") == 0) _exit(5);
  if (strcmp(how, "wait") == 0) waitForSignals();
  if (strcmp(how, "obeys") == 0) obey();
  if (strcmp(how, "own handler") == 0) {
    signal(SIGTERM, exit); /* the program's own way to end: exit(SIGTERM) */
    waitForSignals();
  }
  if (strcmp(how, "ignores") == 0) {
    say("ready\n");
    for (int i = 0; i < 25; ++i) usleep(20000);
    return 6;
  }
  if (strcmp(how, "busy") == 0) {
    pthread_t thread;
    for (int i = 0; i < 3; ++i) pthread_create(&thread, NULL, churnForEver, NULL);
    waitForSignals();
  }
  if (strcmp(how, "main thread ends") == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, endSoon, NULL);
    pthread_exit(NULL);
  }
  if (strcmp(how, "main thread ends later") == 0) {
    pthread_t thread;
    pthread_create(&thread, NULL, endLater, NULL);
    pthread_exit(NULL);
  }
  if (strcmp(how, "fork") == 0) {
    const pid_t child = fork();
    if (child == 0) return 0; /* exits as a whole program does */
    waitpid(child, NULL, 0);
    return 0;
  }
  if (strcmp(how, "child waits") == 0) {
    const pid_t child = fork();
    if (child == 0) waitForSignals();
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 99;
  }
  if (strcmp(how, "vfork") == 0) {
    const pid_t child = vfork();
    if (child == 0) {
      raise(SIGTERM); /* must end the child alone, and at once */
      _exit(7);
    }
    int status = 0;
    waitpid(child, &status, 0);
    return WIFSIGNALED(status) ? WTERMSIG(status) : 99;
  }
  return 2;
}
