/* Counts SIGINT and SIGTERM until none has come for a while; says "ready" first. Exits with 10 x INTs +
 * TERMs. */
#include <signal.h>
#include <stdio.h>
#include <unistd.h>
static volatile sig_atomic_t interrupts, terminations;
static void count(int number) {
  if (number == SIGINT) ++interrupts;
  if (number == SIGTERM) ++terminations;
}
int main(void) {
  struct sigaction action = {.sa_handler = count};
  sigaction(SIGINT, &action, NULL);
  sigaction(SIGTERM, &action, NULL);
  puts("ready");
  fflush(stdout);
  for (int waits = 0; waits < 200 && interrupts + terminations == 0; ++waits) usleep(50000);
  for (int waits = 0; waits < 6; ++waits) usleep(50000); /* a second one, were it sent, comes now */
  return 10 * interrupts + terminations;
}
