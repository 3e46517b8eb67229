/*
 * The same rings in C: two POSIX threads, the layout and rules of packages/vmbus/src/ring, the same doorbell (a counter
 * and a "sleeping" flag over a futex), the same time of spinning before it sleeps, the same batches. What the JavaScript rings are
 * measured against.
 *
 * Reads one line per round from standard input:   kind bytes depth copy milliseconds
 * (kind: one-way, request), and answers with one: operations seconds
 */
#define _GNU_SOURCE
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { WRITE_INDEX, READ_INDEX, MASK, PENDING, FEATURES = 16 };
enum { IN_BAND = 6, COMPLETION = 11 };
enum { PAGE = 4096, BATCH = 32, PACKETS_PER_COMMIT = 64, BUDGET = 256 };

typedef struct {
  _Atomic uint32_t *control;
  uint8_t *data;
  uint32_t size;
} Ring;

typedef struct {
  _Atomic uint32_t counter __attribute__((aligned(64)));
  _Atomic uint32_t sleeping;
} Bell;

typedef struct {
  Ring ring;
  uint32_t next, committed, available;
  int masked;
  /* the packet that the cursor stands on */
  uint32_t start, payload, length, type, flags, low, high;
} Reader;

typedef struct {
  Ring ring;
  uint32_t next, committed, room, pending;
} Writer;

typedef struct {
  Reader reader;
  Writer writer;
  Bell *mine, *peer;
  /* what this end does with a packet; 0 leaves it */
  int (*handler)(void *end);
  uint32_t bytes, depth;
  int copy;
  double milliseconds;
  uint8_t *source, *sink;
  uint64_t received, sent, sum;
  int paused;
} End;

static _Atomic int stop;

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec * 1e-9;
}

static void ring_bell(Bell *bell) {
  atomic_fetch_add(&bell->counter, 1);
  if (atomic_load(&bell->sleeping)) syscall(SYS_futex, &bell->counter, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
}

static void wait_bell(Bell *bell, uint32_t seen) {
  atomic_store(&bell->sleeping, 1);
  if (!atomic_load(&stop)) syscall(SYS_futex, &bell->counter, FUTEX_WAIT_PRIVATE, seen, 0, 0, 0);
  atomic_store(&bell->sleeping, 0);
}

static uint32_t distance(uint32_t size, uint32_t from, uint32_t to) { return to >= from ? to - from : size - from + to; }

static void copy_in(Ring *ring, uint32_t at, const void *from, uint32_t length) {
  if (at >= ring->size) at -= ring->size;
  uint32_t first = ring->size - at < length ? ring->size - at : length;
  memcpy(ring->data + at, from, first);
  if (first < length) memcpy(ring->data, (const uint8_t *)from + first, length - first);
}

static void copy_out(Ring *ring, uint32_t at, void *to, uint32_t length) {
  if (at >= ring->size) at -= ring->size;
  uint32_t first = ring->size - at < length ? ring->size - at : length;
  memcpy(to, ring->data + at, first);
  if (first < length) memcpy((uint8_t *)to + first, ring->data, length - first);
}

static uint32_t *word(Ring *ring, uint32_t at) {
  return (uint32_t *)(ring->data + (at >= ring->size ? at - ring->size : at));
}

static void die(const char *what) {
  fprintf(stderr, "ring broken: %s\n", what);
  exit(1);
}

/* reader */

static int load_write_index(Reader *r) {
  uint32_t index = atomic_load(&r->ring.control[WRITE_INDEX]);
  if (index >= r->ring.size || index & 7) die("write index");
  r->available = distance(r->ring.size, r->next, index);
  return r->available != 0;
}

static int waiting(Reader *r) { return r->available != 0 || load_write_index(r); }

static void next_packet(Reader *r) {
  uint32_t *first = word(&r->ring, r->next);
  uint32_t shape = first[0], lengths = first[1];
  uint32_t offset = (shape >> 16) * 8, length = (lengths & 0xffff) * 8, total = length + 8;
  if (offset < 16 || offset > length || total > r->available) die("descriptor");
  uint32_t *second = word(&r->ring, r->next + 8);
  r->start = r->next;
  r->low = second[0];
  r->high = second[1];
  r->type = shape & 0xffff;
  r->flags = lengths >> 16;
  r->length = length - offset;
  r->payload = r->start + offset;
  if (r->flags > 1) die("flags");
  if (r->type != IN_BAND && r->type != COMPLETION) die("type");
  uint32_t after = r->start + total;
  r->next = after >= r->ring.size ? after - r->ring.size : after;
  r->available -= total;
}

static void revert(Reader *r) {
  r->available += distance(r->ring.size, r->start, r->next);
  r->next = r->start;
}

static int commit_read(Reader *r) {
  uint32_t before = r->committed;
  if (r->next == before) return 0;
  r->committed = r->next;
  atomic_store(&r->ring.control[READ_INDEX], r->next);
  uint32_t pending = atomic_load(&r->ring.control[PENDING]) & ~7u;
  if (!pending || !(atomic_load(&r->ring.control[FEATURES]) & 1)) return 0;
  uint32_t index = atomic_load(&r->ring.control[WRITE_INDEX]), size = r->ring.size;
  uint32_t free_before = size - distance(size, before, index) - 8, free_after = size - distance(size, r->next, index) - 8;
  return free_before < pending && free_after >= pending;
}

static void mask(Reader *r) {
  if (r->masked) return;
  r->masked = 1;
  if (atomic_exchange(&r->ring.control[MASK], 1)) die("mask");
}

static int unmask(Reader *r) {
  if (r->masked) {
    r->masked = 0;
    atomic_store(&r->ring.control[MASK], 0);
  }
  return waiting(r);
}

/* writer */

static int load_read_index(Writer *w, uint32_t bytes) {
  uint32_t index = atomic_load(&w->ring.control[READ_INDEX]);
  if (index >= w->ring.size || index & 7) die("read index");
  w->room = w->ring.size - distance(w->ring.size, index, w->next) - 8;
  return bytes <= w->room;
}

static int has_room(Writer *w, uint32_t bytes) { return bytes <= w->room || load_read_index(w, bytes); }

static int write_packet(Writer *w, uint32_t type, uint32_t flags, uint32_t low, uint32_t high, const void *from, uint32_t bytes) {
  uint32_t padded = (bytes + 7) & ~7u, length = 16 + padded, total = length + 8;
  if (!has_room(w, total)) return 0;
  uint32_t *first = word(&w->ring, w->next), *second = word(&w->ring, w->next + 8);
  first[0] = type | 2 << 16;
  first[1] = length >> 3 | flags << 16;
  second[0] = low;
  second[1] = high;
  copy_in(&w->ring, w->next + 16, from, bytes);
  uint32_t *footer = word(&w->ring, w->next + length);
  footer[0] = 0;
  footer[1] = w->next;
  uint32_t after = w->next + total;
  w->next = after >= w->ring.size ? after - w->ring.size : after;
  w->room -= total;
  return 1;
}

static int commit_write(Writer *w) {
  uint32_t before = w->committed;
  if (w->next == before) return 0;
  w->committed = w->next;
  atomic_store(&w->ring.control[WRITE_INDEX], w->next);
  if (atomic_load(&w->ring.control[MASK])) return 0;
  return atomic_load(&w->ring.control[READ_INDEX]) == before;
}

static int await_room(Writer *w, uint32_t bytes) {
  uint32_t wanted = bytes > w->ring.size / 4 ? bytes : w->ring.size / 4;
  if (w->pending != wanted) atomic_store(&w->ring.control[PENDING], w->pending = wanted);
  return load_read_index(w, bytes);
}

static void stop_waiting(Writer *w) {
  if (w->pending) atomic_store(&w->ring.control[PENDING], w->pending = 0);
}

/* spinning: at most SPIN_SECONDS, with a look at the clock at every 32nd turn */

#define SPIN_SECONDS 20e-6

typedef struct {
  uint32_t turns;
  double until;
} Spin;

static int spin(Spin *s) {
  if ((++s->turns & 31) != 0) return 1;
  double t = now();
  if (s->turns == 32) s->until = t + SPIN_SECONDS;
  return t < s->until;
}

/* one end */

static void publish(End *e) {
  int space = commit_read(&e->reader), data = commit_write(&e->writer);
  if (space | data) ring_bell(e->peer);
}

static int poll_end(End *e, uint32_t budget, int stay_masked) {
  Reader *r = &e->reader;
  for (;;) {
    if (!waiting(r) && (stay_masked || !unmask(r))) return 0;
    if (!budget) return 1;
    mask(r);
    uint32_t calls = 0;
    while (budget && r->available) {
      next_packet(r);
      budget--;
      calls++;
      if (!e->handler(e)) {
        revert(r);
        publish(e);
        unmask(r);
        return 0;
      }
      if (calls % PACKETS_PER_COMMIT == 0 || distance(r->ring.size, r->committed, r->next) >= r->ring.size / 4) publish(e);
    }
    publish(e);
  }
}

static void *consume(End *e) {
  Spin idle = {0, 0};
  while (!atomic_load_explicit(&stop, memory_order_relaxed)) {
    uint64_t before = e->received;
    if (poll_end(e, BUDGET, 1) || e->received != before) {
      idle.turns = 0;
      continue;
    }
    if (spin(&idle)) continue;
    idle.turns = 0;
    uint32_t seen = atomic_load(&e->mine->counter);
    if (poll_end(e, BUDGET, 0) || e->received != before) continue;
    if (e->paused && has_room(&e->writer, e->bytes + 24)) continue;
    if (e->paused && await_room(&e->writer, e->bytes + 24)) continue;
    wait_bell(e->mine, seen);
    stop_waiting(&e->writer);
  }
  return 0;
}

static int read_packet(End *e) {
  Reader *r = &e->reader;
  e->sum += *word(&r->ring, r->payload) + *word(&r->ring, r->payload + r->length - 4);
  if (e->copy) copy_out(&r->ring, r->payload, e->sink, r->length);
  e->received++;
  return 1;
}

static int answer(void *end) {
  End *e = end;
  Reader *r = &e->reader;
  e->paused = !write_packet(&e->writer, COMPLETION, 0, r->low, r->high, e->source, e->bytes);
  return e->paused ? 0 : read_packet(e);
}

static int take(void *end) { return read_packet(end); }

static void wait_room(End *e, uint32_t bytes, uint32_t comfortable) {
  for (Spin idle = {0, 0}; spin(&idle);)
    if (has_room(&e->writer, comfortable)) return;
  for (;;) {
    uint32_t seen = atomic_load(&e->mine->counter);
    if (await_room(&e->writer, bytes)) break;
    wait_bell(e->mine, seen);
  }
  stop_waiting(&e->writer);
}

static void produce(End *e) {
  double end = now() + e->milliseconds / 1e3;
  uint32_t total = 24 + ((e->bytes + 7) & ~7u), quarter = e->writer.ring.size / 4;
  for (uint32_t turn = 1;; turn++) {
    uint32_t n = 0;
    while (n < BATCH && write_packet(&e->writer, IN_BAND, 0, 0, 0, e->source, e->bytes)) n++;
    publish(e);
    e->sent += n;
    if (n < BATCH) wait_room(e, total, total > quarter ? total : quarter);
    if ((turn & 15) == 0 && now() >= end) return;
  }
}

static void request(End *e) {
  double end = now() + e->milliseconds / 1e3;
  Spin idle = {0, 0};
  uint32_t total = 24 + ((e->bytes + 7) & ~7u);
  for (uint32_t turn = 1;; turn++) {
    uint32_t n = 0;
    while (n < BATCH && e->sent - e->received < e->depth &&
           write_packet(&e->writer, IN_BAND, 1, (uint32_t)e->sent, 0, e->source, e->bytes))
      n++, e->sent++;
    if (n) publish(e);
    uint64_t before = e->received;
    poll_end(e, BUDGET, 1);
    if ((turn & 63) == 0 && now() >= end) return;
    if (n || e->received != before) {
      idle.turns = 0;
      continue;
    }
    if (spin(&idle)) continue;
    idle.turns = 0;
    uint32_t seen = atomic_load(&e->mine->counter);
    poll_end(e, BUDGET, 0);
    if (e->received != before) continue;
    if (e->sent - e->received < e->depth && await_room(&e->writer, total)) continue;
    wait_bell(e->mine, seen);
    stop_waiting(&e->writer);
  }
}

/* each end on a processor of its own, as the other contenders are */
static void pin(int processor) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(processor, &set);
  if (sysconf(_SC_NPROCESSORS_ONLN) > 1) sched_setaffinity(0, sizeof set, &set);
}

static void *consumer_thread(void *end) {
  pin(0);
  return consume(end);
}

static Ring make_ring(uint32_t size) {
  uint8_t *memory = aligned_alloc(PAGE, PAGE + size);
  memset(memory, 0, PAGE + size);
  Ring ring = {(_Atomic uint32_t *)memory, memory + PAGE, size};
  ring.control[MASK] = 1;
  ring.control[FEATURES] = 1;
  return ring;
}

int main(void) {
  pin(1);
  static Bell bells[2];
  static uint8_t sources[2][65536], sinks[2][65536];
  char kind[16];
  uint32_t bytes, depth;
  int copy;
  double milliseconds;
  while (scanf("%15s %u %u %d %lf", kind, &bytes, &depth, &copy, &milliseconds) == 5) {
    int one_way = !strcmp(kind, "one-way");
    uint32_t size = bytes > 4096 ? 1 << 20 : 1 << 18;
    Ring rings[2] = {make_ring(size), make_ring(size)};
    memset(bells, 0, sizeof bells);
    atomic_store(&stop, 0);
    End ends[2];
    memset(ends, 0, sizeof ends);
    for (int i = 0; i < 2; i++) {
      ends[i].reader.ring = rings[i];
      ends[i].reader.masked = 1;
      ends[i].writer.ring = rings[1 - i];
      ends[i].mine = &bells[i];
      ends[i].peer = &bells[1 - i];
      ends[i].bytes = bytes;
      ends[i].depth = depth;
      ends[i].copy = copy;
      ends[i].milliseconds = milliseconds;
      ends[i].source = sources[i];
      ends[i].sink = sinks[i];
    }
    ends[0].handler = one_way ? take : answer;
    ends[1].handler = take;
    pthread_t thread;
    pthread_create(&thread, 0, consumer_thread, &ends[0]);
    double began = now();
    if (one_way) produce(&ends[1]);
    else request(&ends[1]);
    uint64_t operations = one_way ? ends[1].sent : ends[1].received;
    double seconds = now() - began;
    atomic_store(&stop, 1);
    atomic_fetch_add(&bells[0].counter, 1);
    syscall(SYS_futex, &bells[0].counter, FUTEX_WAKE_PRIVATE, 1, 0, 0, 0);
    pthread_join(thread, 0);
    printf("%llu %.9f\n", (unsigned long long)operations, seconds);
    fflush(stdout);
    free((void *)rings[0].control);
    free((void *)rings[1].control);
  }
  return 0;
}
