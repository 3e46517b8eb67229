/*
 * Echoes through a VMBus device from user space: maps the rings that uio_hv_generic shows, sends packets that ask for a
 * completion, and compares what comes back. Its argument is the device's folder in sysfs.
 *
 *     map 0   ring to the host, then ring from the host: a header page and data pages each
 *     map 2   monitor page: a bit set in it is the doorbell
 */
#include <dirent.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096, ROUNDS = 2000, MOST = 4000, INBAND = 6, COMPLETION = 11 };

struct ring {
	_Atomic uint32_t write, read, mask, pending;
};

static struct ring *out, *in;
static unsigned char *out_data, *in_data;
static uint32_t data_bytes;

static void fail(const char *what)
{
	perror(what);
	exit(1);
}

static unsigned long number(const char *folder, const char *name)
{
	char path[512], text[64] = "";
	snprintf(path, sizeof path, "%s/%s", folder, name);
	int fd = open(path, O_RDONLY);
	if (fd < 0 || read(fd, text, sizeof text - 1) <= 0)
		fail(path);
	close(fd);
	return strtoul(text, 0, 0);
}

static void put(uint32_t *at, const void *from, uint32_t length)
{
	const unsigned char *bytes = from;
	for (uint32_t i = 0; i < length; i++, *at = (*at + 1) % data_bytes)
		out_data[*at] = bytes[i];
}

static void get(uint32_t *at, void *to, uint32_t length)
{
	unsigned char *bytes = to;
	for (uint32_t i = 0; i < length; i++, *at = (*at + 1) % data_bytes)
		bytes[i] = in_data[*at];
}

int main(int argc, char **argv)
{
	if (argc != 2)
		return 2;
	char path[512], uio[64] = "";
	snprintf(path, sizeof path, "%s/uio", argv[1]);
	DIR *folder = opendir(path);
	for (struct dirent *entry; folder && (entry = readdir(folder));)
		if (strncmp(entry->d_name, "uio", 3) == 0)
			snprintf(uio, sizeof uio, "%s", entry->d_name);
	if (!*uio)
		fail("no uio device");
	snprintf(path, sizeof path, "/sys/class/uio/%s", uio);
	size_t bytes = number(path, "maps/map0/size");
	unsigned monitor = number(argv[1], "monitor_id");
	snprintf(path, sizeof path, "/dev/%s", uio);
	int fd = open(path, O_RDWR);
	if (fd < 0)
		fail(path);
	unsigned char *rings = mmap(0, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	unsigned char *page = mmap(0, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 2 * PAGE);
	if (rings == MAP_FAILED || page == MAP_FAILED)
		fail("mmap");
	out = (void *)rings;
	in = (void *)(rings + bytes / 2);
	out_data = rings + PAGE;
	in_data = rings + bytes / 2 + PAGE;
	data_bytes = bytes / 2 - PAGE;
	_Atomic uint32_t *trigger = (void *)(page + 8 + 8 * (monitor / 32));

	unsigned char sent[MOST], got[MOST];
	unsigned interrupts = 0;
	for (uint64_t round = 1; round <= ROUNDS; round++) {
		uint32_t length = 8 + round * 104729 % (MOST - 8) / 8 * 8, at = out->write, before = at;
		for (uint32_t i = 0; i < length; i++)
			sent[i] = round * 31 + i * 7 + (i >> 8);
		uint16_t header[4] = { INBAND, 2, (16 + length) / 8, 1 };
		uint64_t footer = (uint64_t)before << 32;
		put(&at, header, 8);
		put(&at, &round, 8);
		put(&at, sent, length);
		put(&at, &footer, 8);
		out->write = at;
		atomic_fetch_or(trigger, 1u << monitor % 32);

		while (in->read == in->write) {
			int32_t enable = 1, count;
			if (write(fd, &enable, 4) != 4)
				fail("write");
			if (in->read != in->write)
				break;
			if (read(fd, &count, 4) != 4)
				fail("read");
			interrupts++;
		}
		uint64_t id;
		at = in->read;
		get(&at, header, 8);
		get(&at, &id, 8);
		if (header[0] != COMPLETION || id != round || header[2] * 8u != header[1] * 8u + length) {
			printf("round %llu: type %u, id %llu, %u bytes\n", (unsigned long long)round, header[0],
			       (unsigned long long)id, header[2] * 8);
			return 1;
		}
		get(&at, got, length);
		if (memcmp(sent, got, length)) {
			printf("round %llu: other bytes\n", (unsigned long long)round);
			return 1;
		}
		in->read = (at + 8) % data_bytes;
	}
	printf("%d echoes, %s\n", ROUNDS, interrupts ? "woken by interrupts" : "never woken");
	return 0;
}
