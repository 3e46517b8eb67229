/*
 * What `npm run bench -- x64` runs three times: as a program of the host, and as /init of a kernel under QEMU and under
 * Ringlet. Each workload says when it begins and when it ends, on lines that whoever runs it puts a time to; so nobody's
 * clock is trusted but the host's. The number after "end" is a checksum: it must be the same everywhere.
 *
 *     gcc -static -O2 -o workloads workloads.c
 */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB (1024 * 1024)

static const char *self;

static void must(int ok, const char *what) {
  if (ok) return;
  printf("failed %s\n", what);
  exit(1);
}

/* Registers only: shifts, additions, a multiplication, a compare and a jump. */
static uint64_t integer(unsigned count) {
  uint64_t a = 88172645463325252u, sum = 0;
  for (unsigned i = 0; i < count; i++) {
    a ^= a << 13;
    a ^= a >> 7;
    a ^= a << 17;
    sum += a * 0x9e3779b97f4a7c15u;
    if (sum & 64) sum ^= i;
  }
  return sum;
}

static uint64_t copy(unsigned count) {
  static unsigned char from[MIB], to[MIB + 64];
  uint64_t sum = 0;
  for (unsigned i = 0; i < count; i++) {
    memset(from, (int)i, MIB);
    memcpy(to + (i & 63), from, MIB);
    sum += to[(i & 63) + i % MIB];
  }
  return sum;
}

static uint64_t sieve(unsigned count) {
  static unsigned char composite[MIB];
  uint64_t primes = 0;
  for (unsigned n = 0; n < count; n++) {
    memset(composite, 0, MIB);
    for (unsigned i = 2; i < MIB; i++) {
      if (composite[i]) continue;
      primes++;
      for (unsigned j = 2 * i; j < MIB; j += i) composite[j] = 1;
    }
  }
  return primes;
}

/* FIPS 180-4. */
static const uint32_t K[64] = {
    0x428a2f98, 0x71374491, 0xb5c0fbcf, 0xe9b5dba5, 0x3956c25b, 0x59f111f1, 0x923f82a4, 0xab1c5ed5, 0xd807aa98, 0x12835b01,
    0x243185be, 0x550c7dc3, 0x72be5d74, 0x80deb1fe, 0x9bdc06a7, 0xc19bf174, 0xe49b69c1, 0xefbe4786, 0x0fc19dc6, 0x240ca1cc,
    0x2de92c6f, 0x4a7484aa, 0x5cb0a9dc, 0x76f988da, 0x983e5152, 0xa831c66d, 0xb00327c8, 0xbf597fc7, 0xc6e00bf3, 0xd5a79147,
    0x06ca6351, 0x14292967, 0x27b70a85, 0x2e1b2138, 0x4d2c6dfc, 0x53380d13, 0x650a7354, 0x766a0abb, 0x81c2c92e, 0x92722c85,
    0xa2bfe8a1, 0xa81a664b, 0xc24b8b70, 0xc76c51a3, 0xd192e819, 0xd6990624, 0xf40e3585, 0x106aa070, 0x19a4c116, 0x1e376c08,
    0x2748774c, 0x34b0bcb5, 0x391c0cb3, 0x4ed8aa4a, 0x5b9cca4f, 0x682e6ff3, 0x748f82ee, 0x78a5636f, 0x84c87814, 0x8cc70208,
    0x90befffa, 0xa4506ceb, 0xbef9a3f7, 0xc67178f2};

static uint32_t rotate(uint32_t value, int n) { return (value >> n) | (value << (32 - n)); }

static void sha256_block(uint32_t state[8], const unsigned char *data) {
  uint32_t w[64], v[8];
  for (int i = 0; i < 16; i++) {
    memcpy(&w[i], data + 4 * i, 4);
    w[i] = __builtin_bswap32(w[i]);
  }
  for (int i = 16; i < 64; i++) {
    uint32_t x = rotate(w[i - 15], 7) ^ rotate(w[i - 15], 18) ^ (w[i - 15] >> 3);
    uint32_t y = rotate(w[i - 2], 17) ^ rotate(w[i - 2], 19) ^ (w[i - 2] >> 10);
    w[i] = w[i - 16] + x + w[i - 7] + y;
  }
  memcpy(v, state, sizeof v);
  for (int i = 0; i < 64; i++) {
    uint32_t e = rotate(v[4], 6) ^ rotate(v[4], 11) ^ rotate(v[4], 25);
    uint32_t t = v[7] + e + ((v[4] & v[5]) ^ (~v[4] & v[6])) + K[i] + w[i];
    uint32_t a = rotate(v[0], 2) ^ rotate(v[0], 13) ^ rotate(v[0], 22);
    uint32_t u = a + ((v[0] & v[1]) ^ (v[0] & v[2]) ^ (v[1] & v[2]));
    memmove(v + 1, v, 7 * sizeof *v);
    v[4] += t;
    v[0] = t + u;
  }
  for (int i = 0; i < 8; i++) state[i] += v[i];
}

static uint64_t sha256(unsigned count) {
  static unsigned char data[MIB];
  uint32_t state[8] = {0x6a09e667, 0xbb67ae85, 0x3c6ef372, 0xa54ff53a, 0x510e527f, 0x9b05688c, 0x1f83d9ab, 0x5be0cd19};
  for (unsigned i = 0; i < MIB; i++) data[i] = (unsigned char)(i * 7 + (i >> 8));
  for (unsigned n = 0; n < count; n++)
    for (unsigned i = 0; i < MIB; i += 64) sha256_block(state, data + i);
  return (uint64_t)state[0] << 32 | state[7];
}

/* Products of matrices, then square roots and divisions: scalar SSE2, as gcc makes it. */
static uint64_t floating(unsigned count) {
  enum { N = 64 };
  static double a[N][N], b[N][N], c[N][N];
  for (int i = 0; i < N; i++)
    for (int j = 0; j < N; j++) a[i][j] = (i * 31 + j) % 17 + 0.5, b[i][j] = (j * 13 + i) % 23 - 0.25;
  double sum = 0;
  for (unsigned n = 0; n < count; n++) {
    for (int i = 0; i < N; i++)
      for (int j = 0; j < N; j++) {
        double s = 0;
        for (int k = 0; k < N; k++) s += a[i][k] * b[k][j];
        c[i][j] = s;
      }
    for (int i = 0; i < N; i++) sum += sqrt(fabs(c[i][n % N])) / (1.0 + i);
  }
  return (uint64_t)sum;
}

static uint64_t system_calls(unsigned count) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < count; i++) sum += syscall(SYS_getppid) >= 0;
  return sum;
}

static uint64_t page_faults(unsigned count) {
  uint64_t sum = 0;
  for (unsigned n = 0; n < count; n++) {
    unsigned char *pages = mmap(0, MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    must(pages != MAP_FAILED, "mmap");
    madvise(pages, MIB, MADV_NOHUGEPAGE);
    for (unsigned i = 0; i < MIB; i += 4096) sum += pages[i] + (pages[i] = 1);
    munmap(pages, MIB);
  }
  return sum;
}

/* Two processes hand a byte to and fro: two system calls and a context switch each way. */
static uint64_t switches(unsigned count) {
  int to[2], back[2];
  unsigned char byte = 0;
  uint64_t sum = 0;
  must(pipe(to) == 0 && pipe(back) == 0, "pipe");
  pid_t child = fork();
  must(child >= 0, "fork");
  if (child == 0) {
    while (read(to[0], &byte, 1) == 1 && byte != 255) {
      byte++;
      must(write(back[1], &byte, 1) == 1, "write");
    }
    _exit(0);
  }
  for (unsigned i = 0; i < count; i++) {
    byte = i % 250;
    must(write(to[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1, "round trip");
    sum += byte;
  }
  byte = 255;
  must(write(to[1], &byte, 1) == 1, "write");
  waitpid(child, 0, 0);
  close(to[0]), close(to[1]), close(back[0]), close(back[1]);
  return sum;
}

static uint64_t forks(unsigned count) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < count; i++) {
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) _exit(3);
    int status = 0;
    waitpid(child, &status, 0);
    sum += WEXITSTATUS(status);
  }
  return sum;
}

static uint64_t execs(unsigned count) {
  uint64_t sum = 0;
  for (unsigned i = 0; i < count; i++) {
    pid_t child = fork();
    must(child >= 0, "fork");
    if (child == 0) {
      execl(self, self, "nothing", (char *)0);
      _exit(1);
    }
    int status = 0;
    waitpid(child, &status, 0);
    sum += WEXITSTATUS(status);
  }
  return sum;
}

static const struct {
  const char *name;
  uint64_t (*run)(unsigned count);
  unsigned count;
} WORKLOADS[] = {
    {"integer", integer, 40000000},     {"copy", copy, 600},          {"sieve", sieve, 20},
    {"sha256", sha256, 6},              {"floating", floating, 100},  {"system calls", system_calls, 400000},
    {"page faults", page_faults, 120},  {"switches", switches, 8000}, {"fork", forks, 500},
    {"fork and exec", execs, 200},
};

int main(int argc, char **argv) {
  if (argc > 1 && strcmp(argv[1], "nothing") == 0) return 5;
  self = argv[0];
  setvbuf(stdout, 0, _IOLBF, 0);
  printf("workloads ready\n");
  for (unsigned i = 0; i < sizeof WORKLOADS / sizeof *WORKLOADS; i++) {
    printf("begin %s\n", WORKLOADS[i].name);
    uint64_t check = WORKLOADS[i].run(WORKLOADS[i].count);
    printf("end %s %u %llx\n", WORKLOADS[i].name, WORKLOADS[i].count, (unsigned long long)check);
  }
  printf("workloads done\n");
  if (getpid() == 1)
    for (;;) pause();
  return 0;
}
