/* The remote-free and parking protocol of the allocator's slabs, for spin.
 *
 * What is modelled: one size class, one heap that threads hold, exit from and adopt, NSLAB slabs of CAP objects that come
 * from and go back to the page layer. Every access to a word that another thread may touch is one step; what only the
 * heap's holder touches is folded into the neighbouring step. Chains are real linked lists through nxt[], and a program
 * that holds an object scribbles over its link, so that following a stale link is caught.
 *
 * What is claimed, in every reachable state (proctype monitor) and at each handing out (assert):
 *   - no object is handed out while it is out, cached or in transit, and none is lost:
 *       free objects of a slab = local list + remote chain + the holder's bin
 *   - a slab is given back only when every object is home, nobody has still to push it, and no inbox names it
 *   - a parked slab whose remote count has reached THRESHOLD is in an inbox, or one freer is about to put it there;
 *     no slab is in an inbox twice, and none is both in an inbox and in a list
 * Memory is sequentially consistent here: orderings are the thread sanitizer's and the reader's to check.
 *
 * Broken variants (run.sh asserts that spin finds an error in each): see BREAK_* below.
 */

#ifndef CAP
#define CAP 2
#endif
#ifndef THRESHOLD
#define THRESHOLD 1
#endif
#ifndef NSLAB
#define NSLAB 2
#endif
#ifndef BATCH
#define BATCH 2 /* objects carved from fresh memory at a time */
#endif
#ifndef HOLDERS
#define HOLDERS 2 /* threads that may hold the heap, and free remotely while they do not */
#endif
#ifndef FREERS
#define FREERS 1 /* threads that only free */
#endif
#define NOBJ (NSLAB * CAP)
#define SLAB_OF(o) (((o)-1) / CAP + 1)
#define SCRIBBLED 255

mtype = { kPageLayer, kActive, kPartial, kParked };  /* a slab, as the holder of its heap sees it */
mtype = { kUncarved, kFree, kOut, kTransit };        /* an object (ghost): kTransit is in a remote cache */

/* The remote word: one 64-bit word in the program, so read, swapped and compared as one. */
typedef Word { byte head; byte count; bit parked }

typedef Slab {
  Word remote;
  byte localHead; /* head of the local free list: holder only */
  byte localCount;
  byte carved;
  mtype where;
  byte inboxNext;
  byte pending;    /* ghost: freers that crossed and have still to push */
  byte inInbox;    /* ghost: times the inbox names it */
}
Slab slab[NSLAB + 1];

byte nxt[NOBJ + 1];
mtype object[NOBJ + 1];

byte bin;          /* the heap: its bin is a chain of objects of the active slab */
byte binCount;
byte active_;      /* slab being allocated from, 0: none */
byte inbox;        /* head of the stack of slabs pushed by freers */
bit pooled = 1;    /* the heap is in the pool: a new thread may adopt it */

/* ---- holder's side; every inline runs with the heap held ---- */

/* Appends the chain at `chain` (`n` objects) to the slab's local list. */
inline takeChain(s, chain, n) {
  k = 0; p = chain;
  do
  :: p != 0 ->
     assert(nxt[p] != SCRIBBLED && SLAB_OF(p) == s && object[p] == kFree);
     k++; q = nxt[p]; nxt[p] = slab[s].localHead; slab[s].localHead = p; p = q
  :: else -> break
  od;
  assert(k == n);
  slab[s].localCount = slab[s].localCount + n;
  k = 0; p = 0; q = 0
}

inline releaseSlab(s) {
  k = (s - 1) * CAP + 1;
  do
  :: k <= s * CAP ->
     assert(object[k] == kFree || object[k] == kUncarved);  /* emptiness is never claimed while objects are out */
     object[k] = kUncarved; nxt[k] = 0; k++
  :: else -> break
  od;
  k = 0;
  assert(slab[s].remote.head == 0 && !slab[s].remote.parked && slab[s].pending == 0 && slab[s].inInbox == 0);
  slab[s].localHead = 0; slab[s].localCount = 0; slab[s].carved = 0;
  slab[s].where = kPageLayer
}

#define binOf(s) ((active_ == (s)) -> binCount : 0)
/* carved - local - remote - in bins == 0. Decided after the remote chain was taken, so the remote term is zero: what
 * freers push afterwards was still out at that moment. `looksEmpty` reads the remote count to see whether taking pays. */
#ifdef BREAK_EMPTY_COUNTS_LATER_FREES
#define isEmpty(s) looksEmpty(s)
#else
#define isEmpty(s) (slab[s].carved - slab[s].localCount - binOf(s) == 0)
#endif
#define looksEmpty(s) (slab[s].carved - slab[s].localCount - slab[s].remote.count - binOf(s) == 0)

/* Takes the slab's remote chain and clears the parked bit: one exchange. */
inline collectRemote(s) {
  wh = slab[s].remote.head; wc = slab[s].remote.count;
  slab[s].remote.head = 0; slab[s].remote.count = 0; slab[s].remote.parked = 0;
  takeChain(s, wh, wc);
  wh = 0; wc = 0
}

/* Takes the whole inbox, then the chain of each slab in it; empty slabs go back, the others are listed. */
inline drainInbox() {
  d_step { s = inbox; inbox = 0 }
  do
  :: s != 0 ->
     d_step {
       n = slab[s].inboxNext; slab[s].inboxNext = 0;
       assert(slab[s].where == kParked);
       slab[s].where = kPartial; slab[s].inInbox--;
       collectRemote(s)
     }
     d_step {
       if
       :: isEmpty(s) -> releaseSlab(s)
       :: else
       fi;
       s = n; n = 0
     }
  :: else -> break
  od
}

inline installLocal() {
  assert(binCount == 0);
  bin = slab[active_].localHead; binCount = slab[active_].localCount;
  slab[active_].localHead = 0; slab[active_].localCount = 0
}

inline carve() {
  assert(bin == 0);
  do
  :: binCount < BATCH && slab[active_].carved < CAP ->
     slab[active_].carved++;
     k = (active_ - 1) * CAP + slab[active_].carved;
     nxt[k] = bin; bin = k; object[k] = kFree; binCount++
  :: else -> break
  od;
  k = 0
}

/* The active slab has nothing local and nothing left to carve: take its remote chain, or park it. */
inline takeOrPark() {
#ifdef BREAK_PARK_WITHOUT_CAS
  if
  :: atomic { slab[active_].remote.head == 0 -> s = active_ };
     d_step { slab[s].remote.head = 0; slab[s].remote.count = 0; slab[s].remote.parked = 1;
              slab[s].where = kParked; active_ = 0; s = 0 }
#else
  if
  :: d_step { slab[active_].remote.head == 0 ->
#ifndef BREAK_NO_PARKED_BIT
              slab[active_].remote.parked = 1;
#endif
              slab[active_].where = kParked; active_ = 0 }
#endif
  :: d_step { slab[active_].remote.head != 0 ->
              collectRemote(active_); installLocal() }
  fi
}

inline nextSlab() {
  d_step {
    k = 1;
    do
    :: k <= NSLAB && slab[k].where != kPartial -> k++
    :: else -> break
    od;
    if
    :: k > NSLAB ->
       k = 1;
       do
       :: k <= NSLAB && slab[k].where != kPageLayer -> k++
       :: else -> break
       od
    :: else
    fi;
    if
    :: k <= NSLAB -> active_ = k; slab[k].where = kActive
    :: else /* no memory: malloc fails */
    fi;
    k = 0
  }
}

inline refill() {
  drainInbox();
  do
  :: active_ == 0 ->
     nextSlab();
     if
     :: active_ == 0 -> break
     :: else
     fi
  :: d_step { active_ != 0 && slab[active_].localCount > 0 -> installLocal() }; break
  :: d_step { active_ != 0 && slab[active_].localCount == 0 && slab[active_].carved < CAP -> carve() }; break
  :: active_ != 0 && slab[active_].localCount == 0 && slab[active_].carved == CAP ->
     takeOrPark();
     if
     :: binCount > 0 -> break
     :: else
     fi
  od
}

inline handOut() {
  d_step {
    o = bin;
    assert(nxt[o] != SCRIBBLED);
    assert(object[o] == kFree);  /* never handed out twice */
    bin = nxt[o]; binCount--;
    object[o] = kOut; nxt[o] = SCRIBBLED;
    o = 0
  }
}

/* The holder frees an object of its own heap. The event at the end is the countdown reaching zero. */
inline localFree() {
  s = SLAB_OF(o);
  d_step {
    object[o] = kFree;
    nxt[o] = slab[s].localHead; slab[s].localHead = o; slab[s].localCount++;
    o = 0
  }
  if
  :: slab[s].where == kParked && slab[s].localCount >= THRESHOLD ->
     /* Unpark, unless a freer has crossed: then the inbox will bring the slab, and listing it here would list it twice. */
     if
#ifndef BREAK_UNPARK_IGNORES_CROSSING
     :: slab[s].remote.count >= THRESHOLD
     :: d_step { slab[s].remote.count < THRESHOLD -> slab[s].where = kPartial; collectRemote(s) };
#else
     :: d_step { slab[s].where = kPartial; collectRemote(s) };
#endif
        d_step {
          if
          :: isEmpty(s) -> releaseSlab(s)
          :: else
          fi
        }
     fi
  :: d_step { slab[s].where != kParked && looksEmpty(s) && s != active_ ->
              collectRemote(s); releaseSlab(s) }
  :: else
  fi;
  s = 0
}

/* Thread exit: the bin goes back to its slab, the inbox is drained, empty slabs go back, the heap goes to the pool. */
inline leaveHeap() {
  d_step {
    if
    :: active_ != 0 ->
       wh = bin; wc = binCount; bin = 0; binCount = 0; takeChain(active_, wh, wc); wh = 0; wc = 0;
       slab[active_].where = kPartial; active_ = 0
    :: else
    fi
  }
  drainInbox();
  s = 1;
  do
  :: s <= NSLAB ->
     d_step {
       if
       :: slab[s].where == kPartial && looksEmpty(s) -> collectRemote(s); releaseSlab(s)
       :: else
       fi;
       s++
     }
  :: else -> break
  od;
  s = 0;
  d_step { held = 0; pooled = 1 }
}

/* ---- freer's side ---- */

inline pushInbox() {
  do
  :: d_step { wh = inbox; slab[s].inboxNext = wh };
     if
     :: d_step { inbox == wh -> inbox = s; slab[s].inInbox++; slab[s].pending--; wh = 0 }; break
     :: else
     fi
  od
}

/* Pushes the chain o .. last of n objects of slab s: one CAS; the freer whose CAS crosses on a parked word pushes the slab. */
inline pushRemote() {
  do
  :: d_step { wh = slab[s].remote.head; wc = slab[s].remote.count; wp = slab[s].remote.parked; nxt[last] = wh };
#ifdef BREAK_PUSH_BEFORE_CAS
     if
     :: wp && wc < THRESHOLD && wc + n >= THRESHOLD && !pushed -> slab[s].pending++; pushInbox(); pushed = 1; wh = nxt[last]
     :: else
     fi;
#endif
     if
     :: d_step {
          slab[s].remote.head == wh && slab[s].remote.count == wc && slab[s].remote.parked == wp ->
          slab[s].remote.head = o; slab[s].remote.count = wc + n;
          object[o] = kFree; object[last] = kFree;
#ifdef BREAK_NO_PARKED_BIT
          wp = 1;
#endif
#ifdef BREAK_EVERY_FREER_PUSHES
          pushed = (wp && wc + n >= THRESHOLD);
#else
          pushed = (wp && wc < THRESHOLD && wc + n >= THRESHOLD);
#endif
          if
          :: pushed -> slab[s].pending++
          :: else
          fi;
          o = 0; last = 0; n = 0; wh = 0; wc = 0; wp = 0
        }
        break
     :: else
     fi
  od;
#ifndef BREAK_PUSH_BEFORE_CAS
  if
  :: pushed -> pushInbox()
  :: else
  fi;
#endif
  pushed = 0; wh = 0; s = 0
}

/* One object, or two of the same slab chained by the thread's remote cache. */
inline remoteFree() {
  d_step { s = SLAB_OF(o); last = o; n = 1; nxt[o] = 0 }
  if
  :: true
  :: d_step {
       k = (s - 1) * CAP + 1;
       do
       :: k <= s * CAP && object[k] != kOut -> k++
       :: else -> break
       od;
       if
       :: k <= s * CAP -> object[k] = kTransit; nxt[k] = o; o = k; n = 2
       :: else
       fi;
       k = 0
     }
  fi;
  pushRemote()
}

/* The program may free any object it holds, from any thread. */
#define take(i) d_step { object[i] == kOut -> object[i] = kTransit; o = i }
inline pickOut() {
  if
  :: take(1)
  :: take(2)
#if NOBJ > 2
  :: take(3)
#endif
#if NOBJ > 3
  :: take(4)
#endif
#if NOBJ > 4
  :: take(5)
  :: take(6)
#endif
  fi
}

proctype Holder() {
  byte o, s, n, k, p, q, wh, wc, last;
  bit wp, pushed, held;
end:
  do
  :: d_step { !held && pooled -> pooled = 0; held = 1 }; drainInbox()
  :: held && binCount == 0 ->
     refill();
     if
     :: binCount > 0 -> handOut()
     :: else
     fi
  :: held && binCount > 0 -> handOut()
  :: held -> leaveHeap()
  :: pickOut();
     if
     :: held -> localFree()
     :: else -> remoteFree()
     fi
  od
}

proctype Freer() {
  byte o, s, n, k, wh, wc, last;
  bit wp, pushed;
end:
  do
  :: pickOut(); remoteFree()
  od
}

#define isFree(o) ((object[o] == kFree) -> 1 : 0)
#if CAP == 2
#define freeObjects(s) (isFree((s)*2 - 1) + isFree((s)*2))
#else
#define freeObjects(s) (isFree((s)*3 - 2) + isFree((s)*3 - 1) + isFree((s)*3))
#endif

#define accounted(s) (freeObjects(s) == slab[s].localCount + slab[s].remote.count + binOf(s))
#define reachable(s) \
  (!(slab[s].where == kParked && slab[s].remote.count >= THRESHOLD) || slab[s].inInbox + slab[s].pending == 1)
#define listedOnce(s) \
  (slab[s].inInbox + slab[s].pending <= 1 && (slab[s].inInbox + slab[s].pending == 0 || slab[s].where == kParked))
#define sound(s) (accounted(s) && reachable(s) && listedOnce(s))

/* Blocked in every state in which all is well, so it adds none. */
active proctype monitor() {
end:
  do
  :: atomic { !(sound(1) && sound(NSLAB)) -> assert(accounted(1) && accounted(NSLAB));
              assert(reachable(1) && reachable(NSLAB)); assert(listedOnce(1) && listedOnce(NSLAB)) }
  od
}

init {
  byte i;
  atomic {
    for (i : 1 .. NSLAB) { slab[i].where = kPageLayer }
    for (i : 1 .. NOBJ) { object[i] = kUncarved }
    for (i : 1 .. HOLDERS) { run Holder() }
    for (i : 1 .. FREERS) { run Freer() }
    i = 0
  }
}
