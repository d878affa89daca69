/* Remote frees, parking and adoption, with the objects themselves: runtime/heap/{remote,slabs,pool}.cpp, for spin.
 *
 * What is modelled: one size class, one heap that threads hold, park and adopt, NSLAB slabs of CAP objects that come from and
 * go back to the page layer, threads that free without holding the heap. Chains are real lists through nxt[], and a program
 * that holds an object scribbles over its link, so that following a stale link is caught. Inlines have the names of the
 * functions they mirror.
 * An object in the bin of a medium class (medium.cpp) is here one that the program holds: its slab counts it as handed out, no
 * list names it, and only the holder gives it back, by a local free. So such a bin is nothing more to model.
 *
 * What is one step: one access to a word that several threads touch, with what the thread does before and after it to what is
 * its own (the holder's fields, objects on their way). A compare-and-swap loop whose result depends on nothing but the word
 * compared and on what is its own is one step too: pushRemote, pushInbox, disarm, armPartial, takeRemote.
 *
 * What is claimed, in every reachable state (monitor) and where it happens (assert):
 *   - nothing handed out twice, nothing lost: a slab's free objects = local list + remote chain + bin, and the descriptor's
 *     books agree with them: carved - |local| = handed - (armed - countdown)
 *   - a slab ends only when every object is home, nobody has still to push it, and no inbox names it
 *   - a slab whose remote count has crossed wakeAt is in the inbox, or exactly one freer is about to put it there
 *   - no full or partial slab is empty unnoticed; a pooled heap's inbox is empty unless its pusher is about to settle it
 * Memory is sequentially consistent here: orderings are the thread sanitizer's and the reader's to check. The arithmetic of
 * the thresholds for larger capacities is the subject of tests/runtime/heap/model.
 *
 * Broken variants (run.sh asserts that spin finds an error in each): see BREAK_* below.
 */
#ifndef CAP
#define CAP 2
#endif
#ifndef WAKE /* SizeClass::wakeAfter: 2 * WAKE <= CAP + 1 */
#define WAKE 1
#endif
#ifndef NSLAB
#define NSLAB 2
#endif
#ifndef HOLDERS /* threads that may hold the heap, and free remotely while they do not */
#define HOLDERS 2
#endif
#ifndef FREERS /* threads that only free */
#define FREERS 1
#endif
#define CARVE 2 /* SizeClass::carveBatch */
#define NEVER 100
#define NOBJ (NSLAB * CAP)
#define SLAB_OF(o) (((o)-1) / CAP + 1)
#define SCRIBBLED 255

mtype = { kEnded, kCurrent, kFull, kPartial };
mtype = { kUncarved, kFree, kOut }; /* an object (ghost); in a remote cache it still counts as out */

/* RemoteWord: one 64-bit word in the program, so read, swapped and compared as one. */
typedef Word { byte head; byte count; byte wakeAt }

typedef Slab {
  Word remote;
  byte localFree, countdown, armed, carved, handed;
  mtype state;
  bit pushPending, kept;
  byte inboxNext;
  byte localCount; /* ghosts: length of the local list, freers that crossed and have still to push, times in the inbox */
  byte pushesDue;
  byte inInbox;
}
Slab slab[NSLAB + 1];
byte nxt[NOBJ + 1];
mtype object[NOBJ + 1];

byte bin, binCount, current, inbox; /* the heap; binCount is a ghost */
bit held;
bit poolLock;
byte looking;  /* ghost: slab taken from the inbox and not yet looked at */
byte settlers; /* ghost: freers between their push and the end of settlePooled */

/* ---- slabs.cpp: run by whoever holds the heap, or the pool lock of a pooled heap ---- */

#define crossed(s) (slab[s].remote.wakeAt != 0 && slab[s].remote.count >= slab[s].remote.wakeAt)
#define binOf(s) ((current == (s)) -> binCount : 0)

inline setCountdown(s, n) { slab[s].armed = n; slab[s].countdown = n }

inline fold(s, n) {
  assert(slab[s].armed - slab[s].countdown <= slab[s].handed);
  slab[s].handed = slab[s].handed - (slab[s].armed - slab[s].countdown);
  setCountdown(s, n)
}

inline endSlab(s) {
  k = (s - 1) * CAP + 1;
  do
  :: k <= s * CAP ->
     assert(object[k] == kFree || object[k] == kUncarved); /* emptiness is never claimed while objects are out */
     object[k] = kUncarved; nxt[k] = 0; k++
  :: else -> break
  od;
  k = 0;
  assert(slab[s].pushesDue == 0 && slab[s].inInbox == 0 && !slab[s].pushPending);
  slab[s].localFree = 0; slab[s].localCount = 0; slab[s].carved = 0; slab[s].handed = 0; slab[s].kept = 0;
  slab[s].remote.head = 0; slab[s].remote.count = 0; slab[s].remote.wakeAt = 0;
  setCountdown(s, NEVER);
  slab[s].state = kEnded
}

/* Whoever joins the list ends an empty slab that was kept in it. */
inline linkPartial(s) {
  j = 1;
  do
  :: j <= NSLAB ->
     if
     :: slab[j].kept -> assert(slab[j].state == kPartial && j != s); endSlab(j)
     :: else
     fi;
     j++
  :: else -> break
  od;
  j = 0;
  assert(slab[s].state != kPartial);
  slab[s].state = kPartial
}

inline retire(s) {
  if
  :: slab[s].pushPending || slab[s].kept
  :: else ->
     /* Kept when it is alone in the list. */
     j = 1;
     do
     :: j <= NSLAB && (j == s || slab[j].state != kPartial) -> j++
     :: else -> break
     od;
     if
     :: j > NSLAB -> slab[s].kept = 1
     :: else -> endSlab(s)
     fi;
     j = 0
  fi
}

inline armPartial(s) {
  assert(slab[s].remote.count <= slab[s].handed);
  out = slab[s].handed - slab[s].remote.count;
#ifdef BREAK_END_WHILE_A_PUSH_IS_DUE
  due = slab[s].pushPending;
#else
  due = slab[s].pushPending || crossed(s);
#endif
  if
  :: out == 0 && !due -> retire(s)
  :: out == 0 && due -> setCountdown(s, NEVER)
  :: out != 0 && due -> setCountdown(s, out)
  :: out != 0 && !due ->
     k = slab[s].remote.wakeAt - slab[s].remote.count;
     if
#ifdef BREAK_COUNTDOWN_ONE_TOO_MANY
     :: slab[s].remote.wakeAt != 0 && k <= out -> setCountdown(s, out + 2 - k)
#else
     :: slab[s].remote.wakeAt != 0 && k <= out -> setCountdown(s, out + 1 - k)
#endif
     :: else -> slab[s].remote.wakeAt = slab[s].remote.count + out / 2 + 1; setCountdown(s, out - out / 2)
     fi;
     k = 0
  fi;
  out = 0; due = 0
}

inline lookAt(s) {
  fold(s, NEVER);
  if
  :: slab[s].state == kCurrent
  :: slab[s].state == kFull -> linkPartial(s); armPartial(s)
  :: slab[s].state == kPartial -> armPartial(s)
  :: else -> assert(false) /* an ended slab came out of an inbox */
  fi
}

/* What the exchange of the inbox gave. */
inline drainTaken() {
  do
  :: s != 0 ->
     d_step { /* disarm() */
       n = slab[s].inboxNext; slab[s].inboxNext = 0; slab[s].inInbox--;
       slab[s].remote.wakeAt = 0; slab[s].pushPending = 0; looking = s
     };
     d_step { lookAt(s); looking = 0; s = n; n = 0 }
  :: else -> break
  od;
  skip /* spin: no jump into the d_step that follows */
}

inline dropKept() {
  i = 1;
  do
  :: i <= NSLAB ->
     if
     :: slab[i].kept -> endSlab(i)
     :: else
     fi;
     i++
  :: else -> break
  od;
  i = 0
}

/* The objects stay counted as handed out. */
inline takeRemote(s) {
  bin = slab[s].remote.head; binCount = slab[s].remote.count;
#ifdef BREAK_TAKING_FORGETS_THE_CROSSING
  due = slab[s].pushPending;
#else
  due = slab[s].pushPending || crossed(s);
#endif
  slab[s].remote.head = 0; slab[s].remote.count = 0;
  slab[s].remote.wakeAt = (due -> 0 : WAKE);
  slab[s].pushPending = due; due = 0
}

inline takeLocal(s) {
  fold(s, NEVER);
  bin = slab[s].localFree; binCount = slab[s].localCount;
  assert(slab[s].carved - slab[s].handed == binCount);
  slab[s].localFree = 0; slab[s].localCount = 0;
  slab[s].handed = slab[s].carved
}

inline carve(s) {
  do
  :: binCount < CARVE && slab[s].carved < CAP ->
     slab[s].carved++; slab[s].handed++;
     k = (s - 1) * CAP + slab[s].carved;
     nxt[k] = bin; bin = k; object[k] = kFree; binCount++
  :: else -> break
  od;
  k = 0
}

inline parkCurrent(s) { fold(s, WAKE); slab[s].state = kFull; current = 0 }

/* All but the first object of what was just taken: refill draws a sample next, and keeps no more in the bin. */
inline putBackRest() {
  fold(current, NEVER);
  k = bin;
  do
  :: nxt[k] != 0 -> assert(nxt[k] != SCRIBBLED); k = nxt[k]
  :: else -> break
  od;
  nxt[k] = slab[current].localFree;
  slab[current].localFree = nxt[bin]; nxt[bin] = 0;
  slab[current].localCount = slab[current].localCount + binCount - 1;
  slab[current].handed = slab[current].handed - (binCount - 1);
  binCount = 1; k = 0
}

inline makeCurrentOrFail() { /* nextSlab, makeSlab, makeCurrent */
  k = 1;
  do
  :: k <= NSLAB && slab[k].state != kPartial -> k++
  :: else -> break
  od;
  if
  :: k > NSLAB ->
     k = 1;
     do
     :: k <= NSLAB && slab[k].state != kEnded -> k++
     :: else -> break
     od;
     if
     :: k <= NSLAB -> slab[k].remote.wakeAt = WAKE; slab[k].pushPending = 0; setCountdown(k, NEVER)
     :: else
     fi
  :: else -> slab[k].kept = 0; fold(k, NEVER)
  fi;
  if
  :: k <= NSLAB -> slab[k].state = kCurrent; current = k
  :: else /* no memory: malloc gives null */
  fi;
  k = 0
}

inline handOut() {
  o = bin;
  assert(nxt[o] != SCRIBBLED && object[o] == kFree); /* never handed out twice */
  bin = nxt[o]; binCount--;
  object[o] = kOut; nxt[o] = SCRIBBLED;
  o = 0
}

#define wantsOne (mine && binCount == 0)
#define noPartial (slab[1].state != kPartial && slab[NSLAB].state != kPartial)
#ifdef BREAK_ARM_WHILE_A_PUSH_IS_DUE
#define isArmed (slab[current].remote.wakeAt != 0)
#else
#define isArmed (slab[current].remote.wakeAt != 0 || slab[current].pushPending)
#endif
#define isUsedUp (nothingLocal && slab[current].remote.count == 0 && slab[current].carved == CAP)
#define nothingLocal (current != 0 && slab[current].localFree == 0)

/* takeObjects and install, one turn of the loop: what the holder does between two turns is more than the real one can. */
inline refill() {
  if
  :: d_step { wantsOne && current == 0 && noPartial -> s = inbox; inbox = 0 }; drainTaken(); d_step { makeCurrentOrFail() }
  :: d_step { wantsOne && current == 0 && !noPartial -> makeCurrentOrFail() }
  :: d_step { wantsOne && current != 0 && slab[current].localFree != 0 -> takeLocal(current); handOut() }
  :: d_step { wantsOne && current != 0 && slab[current].localFree != 0 -> takeLocal(current); putBackRest(); handOut() }
  :: d_step { wantsOne && nothingLocal && slab[current].remote.count != 0 -> takeRemote(current); handOut() }
  :: d_step { wantsOne && nothingLocal && slab[current].remote.count != 0 -> takeRemote(current); putBackRest(); handOut() }
  :: d_step { wantsOne && nothingLocal && slab[current].remote.count == 0 && slab[current].carved < CAP -> carve(current); handOut() }
  :: d_step { wantsOne && isUsedUp && isArmed -> parkCurrent(current) }
  /* A push that had been outrun disarmed it: exactly this word may be armed. */
#ifdef BREAK_PARK_WITHOUT_LOOKING
  :: d_step { wantsOne && isUsedUp && !isArmed -> s = current };
     d_step { slab[s].remote.head = 0; slab[s].remote.count = 0; slab[s].remote.wakeAt = WAKE; parkCurrent(s); s = 0 }
#else
  :: d_step { wantsOne && isUsedUp && !isArmed -> slab[current].remote.wakeAt = WAKE; parkCurrent(current) }
#endif
  fi
}

/* Another class of the same heap runs out of slabs. */
inline refillOfAnotherClass() {
  d_step { mine && inbox != 0 -> s = inbox; inbox = 0 };
  drainTaken()
}

/* Local: countdown's end makes the owner look, and with what it reads then it all is one step. */
inline freeLocally(x) {
  s = SLAB_OF(x);
  object[x] = kFree;
  nxt[x] = slab[s].localFree; slab[s].localFree = x; slab[s].localCount++; slab[s].countdown--;
  if
  :: slab[s].countdown == 0 -> lookAt(s)
  :: else
  fi;
  s = 0
}

/* ---- pool.cpp ---- */

inline putBackAll() { /* putBack(bin), then the slab joins the list */
  s = current;
  fold(s, NEVER);
  do
  :: bin != 0 ->
     k = nxt[bin]; nxt[bin] = slab[s].localFree; slab[s].localFree = bin; bin = k;
     slab[s].localCount++; slab[s].handed--; binCount--
  :: else -> break
  od;
  assert(binCount == 0);
  k = 0; current = 0;
  linkPartial(s); armPartial(s); s = 0
}

/* The exchange of the inbox, to the end of dropKept(). */
inline drainAndDrop() {
  d_step { s = inbox; inbox = 0 };
  drainTaken();
  d_step { dropKept() }
}

inline park() {
  if
  :: d_step { mine && current != 0 -> putBackAll() }
  :: d_step { mine && current == 0 -> skip }
  fi;
  drainAndDrop();
#ifdef BREAK_PARK_LOOKS_TOO_EARLY
  d_step { poolLock == 0 -> poolLock = 1 };
  if
  :: d_step { inbox != 0 -> s = inbox; inbox = 0 }; drainTaken(); d_step { dropKept(); held = 0; mine = 0; poolLock = 0 }
  :: d_step { inbox == 0 -> skip }; d_step { held = 0; mine = 0; poolLock = 0 }
  fi
#else
  d_step { poolLock == 0 -> poolLock = 1; held = 0; mine = 0 };
  if
  :: d_step { inbox != 0 -> s = inbox; inbox = 0 }; drainTaken(); d_step { dropKept(); poolLock = 0 }
  :: d_step { inbox == 0 -> poolLock = 0 }
  fi
#endif
}

/* A freer that wakes a slab of a pooled heap settles it itself. Under the lock held cannot change. */
inline settlePooled() {
  d_step { poolLock == 0 -> poolLock = 1; s = (held -> 0 : inbox); inbox = (held -> inbox : 0); noSettle = held };
  drainTaken();
  d_step {
    if
    :: !noSettle -> dropKept()
    :: else
    fi;
    noSettle = 0; poolLock = 0; settlers-- }
}

/* ---- remote.cpp ---- */

/* Once it is in the inbox: whoever finds the heap pooled settles it. */
inline settleIfPooled() {
#ifdef BREAK_PUSH_DOES_NOT_SETTLE
  settlers--
#else
  if
  :: d_step { held -> settlers-- }
  :: d_step { !held -> skip }; settlePooled()
  fi
#endif
}

#define linkInInbox(x) slab[x].inboxNext = inbox; inbox = x; slab[x].inInbox++; slab[x].pushesDue--; settlers++

/* The chain o .. last of n objects of slab s. */
inline publish() {
  wc = slab[s].remote.count; ww = slab[s].remote.wakeAt;
  nxt[last] = slab[s].remote.head; slab[s].remote.head = o; slab[s].remote.count = wc + n;
  object[o] = kFree; object[last] = kFree;
#ifdef BREAK_EVERY_FREER_PUSHES
  pushes = (ww != 0 && wc + n >= ww);
#else
  pushes = (ww != 0 && wc < ww && wc + n >= ww);
#endif
  slab[s].pushesDue = slab[s].pushesDue + pushes;
  o = 0; last = 0; n = 0; wc = 0; ww = 0;
  if
  :: !pushes -> s = 0
  :: else
  fi
}

inline pushRemote() {
#ifdef BREAK_PUSH_BEFORE_CAS
  d_step {
    if
    :: slab[s].remote.wakeAt != 0 && slab[s].remote.count < slab[s].remote.wakeAt && slab[s].remote.count + n >= slab[s].remote.wakeAt ->
       slab[s].pushesDue++; linkInInbox(s)
    :: else
    fi };
  d_step { publish(); pushes = 0; s = 0 }
#else
  if
  :: pushes -> d_step { linkInInbox(s); pushes = 0; s = 0 }; settleIfPooled()
  :: else
  fi
#endif
}

/* cacheRemoteFree: one object, or two of the same slab that came together in the cache. */
inline chainOne(x) { s = SLAB_OF(x); o = x; last = x; n = 1; nxt[o] = 0 }
inline chainTwo(x, y) { s = SLAB_OF(x); o = y; last = x; n = 2; nxt[x] = 0; nxt[y] = x }

#ifdef BREAK_PUSH_BEFORE_CAS
#define andPublish
#else
#define andPublish ; publish()
#endif
#define FREE_ONE(x) d_step { !mine && object[x] == kOut -> chainOne(x) andPublish }
#define FREE_TWO(x, y) d_step { !mine && object[x] == kOut && object[y] == kOut -> chainTwo(x, y) andPublish }
#define FREE_LOCAL(x) d_step { mine && object[x] == kOut -> freeLocally(x) }

/* The program may free any object it holds, from any thread. */
inline freeRemotely() {
  if
  :: FREE_ONE(1)
  :: FREE_ONE(2)
  :: FREE_TWO(1, 2)
#if CAP == 3
  :: FREE_ONE(3)
  :: FREE_TWO(2, 3)
  :: FREE_TWO(1, 3)
#elif NSLAB == 2
  :: FREE_ONE(3)
  :: FREE_ONE(4)
  :: FREE_TWO(3, 4)
#endif
  fi;
  pushRemote()
}

proctype Holder() {
  byte o, s, n, i, j, k, out, last, wc, ww;
  bit due, pushes, mine, noSettle;
end:
  do
  :: d_step { !held && poolLock == 0 -> held = 1; mine = 1 } /* adopt() */
  :: refill()
  :: refillOfAnotherClass()
  :: d_step { mine && binCount > 0 -> handOut() }
  :: park()
  :: FREE_LOCAL(1)
  :: FREE_LOCAL(2)
#if NOBJ > 2
  :: FREE_LOCAL(3)
#endif
#if NOBJ > 3
  :: FREE_LOCAL(4)
#endif
  :: freeRemotely()
  od
}

proctype Freer() {
  byte o, s, n, i, j, k, out, last, wc, ww;
  bit due, pushes, mine, noSettle;
end:
  do
  :: freeRemotely()
  od
}

#define isFree(x) ((object[x] == kFree) -> 1 : 0)
#if CAP == 2
#define freeObjects(s) (isFree((s)*2 - 1) + isFree((s)*2))
#else
#define freeObjects(s) (isFree((s)*3 - 2) + isFree((s)*3 - 1) + isFree((s)*3))
#endif

#define accounted(s) \
  (freeObjects(s) == slab[s].localCount + slab[s].remote.count + binOf(s) && \
   slab[s].carved - slab[s].localCount == slab[s].handed - (slab[s].armed - slab[s].countdown))
#define pushedOnce(s) \
  (slab[s].inInbox + slab[s].pushesDue == ((crossed(s) || slab[s].pushPending) -> 1 : 0))
#define noticed(s) \
  (!((slab[s].state == kFull || slab[s].state == kPartial) && freeObjects(s) == slab[s].carved) || slab[s].kept || \
   slab[s].inInbox + slab[s].pushesDue > 0 || looking == (s))
#define settled (held || poolLock || inbox == 0 || settlers > 0)

/* Blocked in every state in which all is well, so it adds none. */
active proctype monitor() {
end:
  do
  :: atomic { !(accounted(1) && accounted(NSLAB)) -> assert(false) }
  :: atomic { !(pushedOnce(1) && pushedOnce(NSLAB)) -> assert(false) }
  :: atomic { !(noticed(1) && noticed(NSLAB)) -> assert(false) }
  :: atomic { !settled -> assert(false) }
  od
}

init {
  byte i;
  atomic {
    for (i : 1 .. NSLAB) { slab[i].state = kEnded; setCountdown(i, NEVER) }
    for (i : 1 .. NOBJ) { object[i] = kUncarved }
    for (i : 1 .. HOLDERS) { run Holder() }
    for (i : 1 .. FREERS) { run Freer() }
    i = 0
  }
}
