/*
 * Many TCP connections to one echo server, all open at once: each sends bytes that are its own and checks what comes back.
 *
 *     many-connections ADDRESS PORT CONNECTIONS BYTES
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

enum { PIECE = 4096 };

struct connection {
	uint32_t sent, received;
	uint32_t to_send, to_receive; /* states of the two generators */
	int ended;
};

static void fail(const char *what, int which)
{
	printf("%s of connection %d: %s\n", what, which, strerror(errno));
	exit(1);
}

static uint8_t next_byte(uint32_t *state)
{
	*state = *state * 1664525u + 1013904223u;
	return *state >> 24;
}

int main(int argc, char **argv)
{
	if (argc != 5)
		return 2;
	int count = atoi(argv[3]);
	uint32_t bytes = atoi(argv[4]);
	struct sockaddr_in there = { .sin_family = AF_INET, .sin_port = htons(atoi(argv[2])) };
	inet_pton(AF_INET, argv[1], &there.sin_addr);
	struct rlimit files = { count + 64, count + 64 };
	setrlimit(RLIMIT_NOFILE, &files);
	struct connection *all = calloc(count, sizeof *all);
	struct pollfd *polled = calloc(count, sizeof *polled);

	for (int i = 0; i < count; i++) {
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		if (fd < 0 || connect(fd, (struct sockaddr *)&there, sizeof there) < 0)
			fail("connect", i);
		fcntl(fd, F_SETFL, O_NONBLOCK);
		polled[i] = (struct pollfd){ .fd = fd, .events = POLLIN | POLLOUT };
		all[i].to_send = all[i].to_receive = i * 2654435761u + 1;
	}
	printf("%d open\n", count);
	fflush(stdout);

	int left = count;
	uint8_t piece[PIECE];
	while (left > 0) {
		if (poll(polled, count, -1) < 0)
			fail("poll", -1);
		for (int i = 0; i < count; i++) {
			struct connection *one = &all[i];
			if (polled[i].revents & POLLOUT) {
				uint32_t states[PIECE], state = one->to_send;
				int length = bytes - one->sent < PIECE ? (int)(bytes - one->sent) : PIECE;
				for (int at = 0; at < length; at++) {
					piece[at] = next_byte(&state);
					states[at] = state;
				}
				ssize_t took = send(polled[i].fd, piece, length, MSG_NOSIGNAL);
				if (took < 0 && errno != EAGAIN)
					fail("send", i);
				if (took > 0) {
					one->to_send = states[took - 1];
					one->sent += took;
				}
				if (one->sent == bytes)
					polled[i].events = POLLIN;
			}
			if (polled[i].revents & (POLLIN | POLLHUP | POLLERR)) {
				ssize_t came = recv(polled[i].fd, piece, sizeof piece, 0);
				if (came == 0)
					errno = ECONNRESET;
				if (came == 0 || (came < 0 && errno != EAGAIN))
					fail("receive", i);
				for (ssize_t at = 0; at < came; at++) {
					if (piece[at] != next_byte(&one->to_receive)) {
						printf("connection %d: byte %u is wrong\n", i, one->received + (uint32_t)at);
						return 1;
					}
				}
				if (came > 0)
					one->received += came;
				if (one->received > bytes) {
					printf("connection %d: too much came\n", i);
					return 1;
				}
				if (one->received == bytes && !one->ended) {
					/* It stays open until all are done. */
					one->ended = 1;
					polled[i].events = 0;
					left--;
				}
			}
		}
	}
	printf("%d connections, %u bytes each way, all as sent\n", count, bytes);
	return 0;
}
