/* Who notices that a slab is empty: the remote word {count, wakeAt} of runtime/heap/slab.h, for spin.
 *
 * What is modelled: one slab of CAP objects through its whole life (made, current, full, partial, ended, made again), the
 * holder of its heap, FREERS threads that free remotely one or two objects at a time, and the heap's inbox. Each access to the
 * word is one step; a compare-and-swap succeeds when the word is what was read (here without the head of the chain, so it
 * succeeds more often than the real one: more behaviours, not fewer). The lists themselves are the other model's subject.
 * `outside` counts the objects in a medium class's bin as well (medium.cpp): to their slab they are the program's.
 *
 * What is claimed:
 *   - a slab is pushed to the inbox at most once at a time, and never ends while a push is under way or an object is out
 *   - no more objects are counted home than were handed out
 *   - whenever the holder and all freers rest, a slab that is empty and neither current nor ended is in the inbox: by
 *     whatever mixture of local and remote frees it became so, it is not unnoticed
 */
#ifndef CAP
#define CAP 3
#endif
#ifndef WAKE /* wakeAfter: 2 * WAKE <= CAP + 1 */
#define WAKE 2
#endif
#ifndef FREERS
#define FREERS 2
#endif
#define NEVER 200

mtype = { kEnded, kCurrent, kFull, kPartial };

byte count, wakeAt;       /* the remote word */
byte inbox;               /* times the inbox names the slab */
byte outside;             /* ghost: objects the program holds */
byte transit, pushesDue;  /* ghosts: objects and pushes that freers have under way */
mtype state = kEnded;     /* from here on: the holder's own */
byte carved, handed, localFrees, bin, countdown, armed;
bit pushPending, resting = 1;

#define arm(n) armed = n; countdown = n
#define fold(n) assert(armed - countdown <= handed); handed = handed - (armed - countdown); arm(n)
#define crossed(c, w) ((w) != 0 && (c) >= (w))

inline armPartial() {
  do
  :: d_step { c = count; w = wakeAt; assert(c <= handed); o = handed - c;
#ifdef BREAK_END_WHILE_A_PUSH_IS_DUE
              due = 0 }
#else
              due = pushPending || crossed(c, w) }
#endif
     if
     :: o == 0 && !due ->
        d_step { assert(outside == 0 && transit == 0 && pushesDue == 0 && inbox == 0); state = kEnded }; break
     :: o == 0 && due -> d_step { arm(NEVER) }; break
     :: o != 0 && due -> d_step { arm(o) }; break
     :: o != 0 && !due && w != 0 && w - c <= o ->
#ifdef BREAK_ONE_TOO_MANY
        d_step { arm(o + 2 - (w - c)) }; break
#else
        d_step { arm(o + 1 - (w - c)) }; break
#endif
     :: else ->
        if
        :: d_step { count == c && wakeAt == w -> wakeAt = c + o / 2 + 1; arm(o - o / 2) }; break
        :: else
        fi
     fi
  od;
  c = 0; w = 0; o = 0; due = 0
}

inline lookAt() {
  d_step { fold(NEVER) };
  if
  :: state == kCurrent
  :: else -> state = kPartial; armPartial()
  fi
}

inline takeRemote() {
  do
  :: d_step { c = count; w = wakeAt;
#ifdef BREAK_FORGET_THE_CROSSING
              due = pushPending }
#else
              due = pushPending || crossed(c, w) }
#endif
     if
     :: d_step { count == c && wakeAt == w ->
                 count = 0; wakeAt = (due -> 0 : WAKE); pushPending = due; bin = c }; break
     :: else
     fi
  od;
  c = 0; w = 0; due = 0
}

inline refillOrPark() {
  if
  :: d_step { localFrees > 0 ->
              fold(NEVER); bin = carved - handed; assert(bin == localFrees); localFrees = 0; handed = carved }
  :: localFrees == 0 && count != 0 -> takeRemote()
  :: d_step { localFrees == 0 && count == 0 && carved < CAP -> carved++; handed++; bin++ }
  :: localFrees == 0 && carved == CAP ->
     d_step { c = count; w = wakeAt };
     if
     :: c != 0
     :: c == 0 && (w != 0 || pushPending) -> d_step { fold(WAKE); state = kFull }
     :: c == 0 && w == 0 && !pushPending ->
#ifdef BREAK_ARM_WITHOUT_LOOKING
        d_step { wakeAt = WAKE; fold(WAKE); state = kFull }
#else
        if
        :: d_step { count == 0 && wakeAt == 0 -> wakeAt = WAKE; fold(WAKE); state = kFull }
        :: else
        fi
#endif
     fi;
     c = 0; w = 0
  fi
}

proctype Holder() {
  byte c, w, o;
  bit due;
end:
  do
  :: d_step { state == kEnded ->
              resting = 0; carved = 0; handed = 0; localFrees = 0; bin = 0; count = 0; wakeAt = WAKE; pushPending = 0;
              arm(NEVER); state = kCurrent; resting = 1 }
  :: d_step { bin > 0 -> bin--; outside++ }
  :: d_step { state == kCurrent && bin == 0 -> resting = 0 }; refillOrPark(); resting = 1
  :: d_step { state == kPartial || state == kFull /* gleaned */ -> fold(NEVER); state = kCurrent }
  :: d_step { outside > 0 -> resting = 0; outside--; localFrees++; countdown-- };
     if
     :: countdown == 0 -> lookAt()
     :: else
     fi;
     resting = 1
  :: d_step { inbox > 0 -> resting = 0; assert(inbox == 1 && state != kEnded); inbox = 0 };
     d_step { wakeAt = 0; pushPending = 0 };
     lookAt(); resting = 1
  :: d_step { state == kCurrent ->  /* the heap is parked: bin and current slab are given up */
              resting = 0; fold(NEVER); handed = handed - bin; localFrees = localFrees + bin; bin = 0; state = kPartial };
     armPartial(); resting = 1
  od
}

proctype Freer() {
  byte c, w, n;
  bit pushes;
end:
  do
  :: if
     :: d_step { outside > 0 -> n = 1; outside = outside - 1; transit = transit + 1 }
     :: d_step { outside > 1 -> n = 2; outside = outside - 2; transit = transit + 2 }
     fi;
     do
     :: d_step { c = count; w = wakeAt };
        if
        :: d_step { count == c && wakeAt == w ->
                    assert(state != kEnded);
                    count = c + n; transit = transit - n;
                    pushes = (w != 0 && c < w && c + n >= w);
                    if
                    :: pushes -> pushesDue++
                    :: else
                    fi }; break
        :: else
        fi
     od;
     if
     :: pushes -> d_step { assert(state != kEnded); inbox++; pushesDue--; assert(inbox == 1 && pushesDue == 0) }
     :: else
     fi;
     c = 0; w = 0; n = 0; pushes = 0
  od
}

/* Blocked in every state in which all is well, so it adds none. */
active proctype monitor() {
end:
  do
  :: atomic { resting && (state == kFull || state == kPartial) && outside + transit + pushesDue + inbox == 0 -> assert(false) }
  od
}

init {
  byte i;
  atomic {
    run Holder();
    for (i : 1 .. FREERS) { run Freer() }
    i = 0
  }
}
