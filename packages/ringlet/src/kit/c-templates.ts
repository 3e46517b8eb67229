/** A new device's client for Linux: a program of user space that drives the device's rings through uio_hv_generic. */
import { cHeader, snake } from './c-header.ts';
import { type DeviceIdentity, firstProtocol } from './device-identity.ts';

/** File names and contents. */
export const cFiles = (device: DeviceIdentity): ReadonlyMap<string, string> =>
  new Map([
    [`${device.name}.h`, cHeader(firstProtocol(device))],
    [`${device.name}.c`, client(device.name)],
  ]);

function client(name: string): string {
  const lower = snake(name);
  const upper = lower.toUpperCase();
  return `\
/*
 * Asks ${name} from a Linux guest, through the rings that uio_hv_generic shows to programs:
 *
 *     gcc -static -o ${name} ${name}.c                      on the host
 *     modprobe uio_hv_generic && ./${name} [--follow] 21    in the guest, as root
 *
 *     map 0   ring to the host, then ring from the host: a header page and data pages each
 *     map 2   monitor page: a bit set in it tells the host to look
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#include "${name}.h"

enum { PAGE = 4096, INBAND = 6, COMPLETION = 11, ANSWER_WANTED = 1 };
#define DRIVER "/sys/bus/vmbus/drivers/uio_hv_generic/new_id"
#define DEVICE "/sys/bus/vmbus/devices/" ${upper}_INSTANCE

struct ring { _Atomic uint32_t write, read, mask, pending; };

struct channel {
	int fd;
	unsigned char *rings, *monitor;
	uint32_t half, data_bytes; /* of each ring: with its header, without */
	unsigned monitor_id;
	uint64_t last_id;
};

static unsigned long number(const char *path)
{
	char text[32] = "";
	int fd = open(path, O_RDONLY);
	ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
	if (fd >= 0)
		close(fd);
	return length > 0 ? strtoul(text, 0, 0) : 0;
}

static void close_channel(struct channel *c)
{
	if (c->rings != MAP_FAILED)
		munmap(c->rings, 2 * c->half);
	if (c->monitor != MAP_FAILED)
		munmap(c->monitor, PAGE);
	close(c->fd);
}

/* Gives the driver every device of this kind, also those to come; then opens ours. 0 when it is there, else -1. */
static int open_channel(struct channel *c)
{
	char path[320], uio[256] = "";
	int ids = open(DRIVER, O_WRONLY);
	if (ids >= 0) {
		if (write(ids, ${upper}_INTERFACE, sizeof ${upper}_INTERFACE - 1) < 0) { /* It has it already. */ }
		close(ids);
	}
	DIR *folder = opendir(DEVICE "/uio");
	for (struct dirent *entry; folder && (entry = readdir(folder));)
		if (!strncmp(entry->d_name, "uio", 3))
			snprintf(uio, sizeof uio, "%s", entry->d_name);
	if (folder)
		closedir(folder);
	snprintf(path, sizeof path, "/sys/class/uio/%s/maps/map0/size", uio);
	c->half = number(path) / 2;
	c->data_bytes = c->half - PAGE;
	c->monitor_id = number(DEVICE "/monitor_id");
	snprintf(path, sizeof path, "/dev/%s", uio);
	if (!*uio || c->half <= PAGE || (c->fd = open(path, O_RDWR)) < 0)
		return -1;
	c->rings = mmap(0, 2 * c->half, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 0);
	c->monitor = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, c->fd, 2 * PAGE);
	if (c->rings != MAP_FAILED && c->monitor != MAP_FAILED)
		return 0;
	close_channel(c);
	return -1;
}

static uint32_t copy(struct channel *c, unsigned char *ring, uint32_t at, void *bytes, uint32_t length, int out)
{
	for (unsigned char *byte = bytes; length--; byte++, at = (at + 1) % c->data_bytes)
		if (out)
			ring[PAGE + at] = *byte;
		else
			*byte = ring[PAGE + at];
	return at;
}

/* Sends a message and waits for its answer. The answer's bytes, at most \`room\`; -1 when the device is gone. */
static int ask(struct channel *c, void *message, uint32_t length, void *answer, uint32_t room)
{
	struct ring *out = (void *)c->rings, *in = (void *)(c->rings + c->half);
	uint32_t padding = -length & 7, at = out->write, before = at;
	uint16_t header[4] = { INBAND, 2, (16 + length + padding) / 8, ANSWER_WANTED };
	uint64_t id = ++c->last_id, zero = 0, footer = (uint64_t)before << 32;
	at = copy(c, c->rings, at, header, 8, 1);
	at = copy(c, c->rings, at, &id, 8, 1);
	at = copy(c, c->rings, at, message, length, 1);
	at = copy(c, c->rings, at, &zero, padding, 1);
	out->write = copy(c, c->rings, at, &footer, 8, 1);
	atomic_fetch_or((_Atomic uint32_t *)(c->monitor + 8 + 8 * (c->monitor_id / 32)), 1u << c->monitor_id % 32);
	for (;;) {
		int32_t on = 1, count;
		while (in->read == in->write)
			if (write(c->fd, &on, 4) != 4 || (in->read == in->write && read(c->fd, &count, 4) != 4))
				return -1;
		at = copy(c, (void *)in, in->read, header, 8, 0);
		copy(c, (void *)in, at, &id, 8, 0);
		uint32_t whole = header[2] * 8, begin = header[1] * 8, bytes = whole - begin < room ? whole - begin : room;
		copy(c, (void *)in, (in->read + begin) % c->data_bytes, answer, bytes, 0);
		in->read = (in->read + whole + 8) % c->data_bytes;
		if (header[0] == COMPLETION && id == c->last_id)
			return bytes;
	}
}

int main(int argc, char **argv)
{
	int follow = argc > 1 && !strcmp(argv[1], "--follow");
	struct ${lower}_ask question = { ${upper}_ASK, argc > 1 + follow ? strtoul(argv[1 + follow], 0, 0) : 21 };
	for (int waited = 0; follow || waited < 100; waited++, usleep(100000)) {
		struct channel c = { 0 };
		struct ${lower}_answer answer;
		if (open_channel(&c))
			continue;
		while (ask(&c, &question, sizeof question, &answer, sizeof answer) == sizeof answer) {
			printf("%u -> %u, answer %u\\n", question.value, answer.value, answer.count);
			fflush(stdout);
			if (!follow)
				return answer.tag != ${upper}_ANSWER;
			usleep(500000);
		}
		close_channel(&c);
		puts("${name} is gone");
		fflush(stdout);
	}
	fputs("no ${name} here: is uio_hv_generic loaded?\\n", stderr);
	return 1;
}
`;
}
