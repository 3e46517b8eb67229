/*
 * One byte there and one byte back over TCP, as often as it goes.
 *
 *   pingpong serve                        on the host: prints "port N", then "ROUNDS SECONDS" for each connection
 *   pingpong connect ADDRESS PORT SECONDS in the guest
 *
 * The server counts and times, so that no guest's clock is part of the figure.
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static double now(void) {
  struct timespec t;
  clock_gettime(CLOCK_MONOTONIC, &t);
  return t.tv_sec + t.tv_nsec / 1e9;
}

static void at_once(int s) {
  int on = 1;
  setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
}

static int serve(void) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
  socklen_t length = sizeof address;
  int listener = socket(AF_INET, SOCK_STREAM, 0);
  if (bind(listener, (struct sockaddr *)&address, sizeof address) || listen(listener, 1)) return perror("listen"), 1;
  getsockname(listener, (struct sockaddr *)&address, &length);
  printf("port %d\n", ntohs(address.sin_port));
  fflush(stdout);
  for (;;) {
    int peer = accept(listener, NULL, NULL);
    if (peer < 0) return perror("accept"), 1;
    at_once(peer);
    double first = 0, last = 0;
    long bytes = 0;
    char byte;
    while (read(peer, &byte, 1) == 1) {
      last = now();
      if (bytes++ == 0) first = last;
      if (write(peer, &byte, 1) != 1) break;
    }
    close(peer);
    /* From the first byte to the last there is one round less than there are bytes. */
    printf("%ld %f\n", bytes - 1, last - first);
    fflush(stdout);
  }
}

static int talk(const char *host, int port, double seconds) {
  struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(port)};
  int s = socket(AF_INET, SOCK_STREAM, 0);
  inet_pton(AF_INET, host, &address.sin_addr);
  if (connect(s, (struct sockaddr *)&address, sizeof address)) return perror("connect"), 1;
  at_once(s);
  char byte = 1;
  for (double end = now() + seconds; now() < end;) {
    if (write(s, &byte, 1) != 1 || read(s, &byte, 1) != 1) return perror("pingpong"), 1;
  }
  return 0;
}

int main(int count, char **words) {
  if (count == 2 && strcmp(words[1], "serve") == 0) return serve();
  if (count == 5 && strcmp(words[1], "connect") == 0) return talk(words[2], atoi(words[3]), atof(words[4]));
  fputs("usage: pingpong serve | connect ADDRESS PORT SECONDS\n", stderr);
  return 2;
}
