/* libheapprof's public C API. Link with -lheapprof, or declare what you use weak and preload the library.
 *
 * Every function may be called from any thread, at any time after libc is up, and in a forked child; none may
 * be called from a signal handler. Sizes are bytes, times nanoseconds. Functions that return int give 0 for
 * success or a positive errno value. errno itself is preserved.
 */
#ifndef HEAPPROF_HEAPPROF_H
#define HEAPPROF_HEAPPROF_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define HEAPPROF_API __attribute__((visibility("default")))

/* Writes a dump to `path`, or, when path is NULL, to the next name of the template in HEAPPROF's path=
 * option. An existing file is never replaced (EEXIST). The file is complete or absent. Works with sampling
 * off too: pages and size classes are always known. ENOSPC, EACCES, ... as the kernel says; EBUSY while
 * another dump is being written. */
HEAPPROF_API int heapprof_dump(const char* path);

/* Writes a dump to an open, writable file descriptor; the caller keeps and closes it. */
HEAPPROF_API int heapprof_dump_fd(int fd);

/* Starts sampling at a mean interval of `interval_bytes` (1: every allocation; 0: the option's, else 512
 * KiB). Objects that are live already are not sampled. EINVAL above 1 TiB. */
HEAPPROF_API int heapprof_start(uint64_t interval_bytes);

/* Stops sampling: no new samples; live ones stay until freed. */
HEAPPROF_API int heapprof_stop(void);

/* Changes the mean interval; batches already handed out keep theirs. */
HEAPPROF_API int heapprof_set_interval(uint64_t interval_bytes);

/* Forgets cumulative figures and peaks; live samples stay. */
HEAPPROF_API int heapprof_reset(void);

/* The mean interval in force; 0: sampling is off. */
HEAPPROF_API uint64_t heapprof_interval(void);

/* Figures at this moment; approximate while other threads run. `size` is sizeof(struct heapprof_stats) as the
 * caller knows it: later versions only append. */
struct heapprof_stats {
  uint64_t live_bytes; /* handed out, by allocated size; includes thread caches */
  uint64_t live_objects;
  uint64_t cached_bytes;      /* of these, in thread caches */
  uint64_t allocated_bytes;   /* cumulative */
  uint64_t allocated_objects; /* cumulative */
  uint64_t region_bytes;      /* address space in use by the heap */
  uint64_t metadata_bytes;
  uint64_t sampler_bytes;
  uint64_t live_samples;
  uint64_t lost_samples;
  uint64_t interval_bytes; /* 0: sampling is off */
};
HEAPPROF_API int heapprof_get_stats(struct heapprof_stats* out, size_t size);

/* The same and a few more (RSS, pages in use and free, purges) as one line of JSON, NUL-terminated. 2 KiB are
 * enough. ENOSPC: does not fit, and what was written is cut off. Later versions only add keys. */
HEAPPROF_API int heapprof_stats_json(char* out, size_t size);

/* Gives free memory back to the kernel now; the number of bytes given back is stored where `returned` is not
 * NULL. */
HEAPPROF_API int heapprof_purge(uint64_t* returned);

/* Sets a named point on the timeline, now: a reload, a deploy, a phase. Dumps carry the last 256 with the
 * time since the process's start; names are cut to 63 bytes. Works with sampling and timeline off, too.
 * EINVAL: no name. */
HEAPPROF_API int heapprof_mark(const char* name);

/* "0.1.0" */
HEAPPROF_API const char* heapprof_version(void);

#ifdef __cplusplus
}
#endif

#endif
