/* One ring and its packets: written as a driver does, so that what is wrong is what was meant to be. */
#pragma once

enum { RING_PAGES = 8, DATA_BYTES = (RING_PAGES - 1) * PAGE, MOST_PAYLOAD = 2048 };
enum { IN_BAND = 6, TRANSFER_PAGES = 7, DIRECT = 9, COMPLETION = 11 };

/* Words of the header page; data follow it. */
struct ring {
  volatile u32 write, read, mask, pending, reserved[12], features, rest[1007];
  volatile u8 data[DATA_BYTES];
};

static u32 index_of(u32 value) { return value % DATA_BYTES & ~7u; }

static u32 room(struct ring *ring) {
  u32 write = index_of(ring->write), read = index_of(ring->read);
  return read > write ? read - write : DATA_BYTES - write + read;
}

static u32 put(struct ring *ring, u32 at, const void *from, u32 bytes) {
  for (u32 i = 0; i < bytes; i++) ring->data[(at + i) % DATA_BYTES] = ((const u8 *)from)[i];
  return (at + bytes) % DATA_BYTES;
}

static void take_out(struct ring *ring, u32 at, void *to, u32 bytes) {
  for (u32 i = 0; i < bytes; i++) ((u8 *)to)[i] = ring->data[(at + i) % DATA_BYTES];
}

/* What a packet is made of; `extra` are the ranges of one that describes memory. */
struct packet {
  u16 type, flags;
  u64 transaction;
  u32 extra_bytes, bytes;
  u32 extra[84];
  u8 payload[MOST_PAYLOAD];
};

/* @return whether it was written */
static int send(struct ring *ring, struct packet *packet, u16 offset_error, u16 length_error) {
  u32 padded = (packet->bytes + 7) & ~7u, whole = 16 + packet->extra_bytes + padded;
  if (room(ring) <= whole + 8) return 0;
  u32 start = index_of(ring->write);
  u16 head[4] = { packet->type, (16 + packet->extra_bytes) / 8 + offset_error, whole / 8 + length_error, packet->flags };
  u32 foot[2] = { 0, start }, at = put(ring, start, head, 8);
  at = put(ring, at, &packet->transaction, 8);
  at = put(ring, at, packet->extra, packet->extra_bytes);
  at = put(ring, at, packet->payload, padded);
  at = put(ring, at, foot, 8);
  asm volatile("" : : : "memory");
  ring->write = at;
  return 1;
}

/* @return whether there was one */
static int receive(struct ring *ring, struct packet *packet) {
  u32 read = index_of(ring->read), write = index_of(ring->write);
  u32 there = write >= read ? write - read : DATA_BYTES - read + write;
  if (there < 24) {
    ring->read = write;
    return 0;
  }
  u16 head[4];
  take_out(ring, read, head, 8);
  take_out(ring, (read + 8) % DATA_BYTES, &packet->transaction, 8);
  u32 offset = head[1] * 8u, whole = head[2] * 8u;
  /* Our own doing: begin again where the other end is. */
  if (whole < 16 || offset < 16 || offset > whole || whole + 8 > there) {
    ring->read = write;
    return 0;
  }
  packet->type = head[0];
  packet->flags = head[3];
  packet->extra_bytes = 0;
  packet->bytes = whole - offset < MOST_PAYLOAD ? whole - offset : MOST_PAYLOAD;
  take_out(ring, (read + offset) % DATA_BYTES, packet->payload, packet->bytes);
  asm volatile("" : : : "memory");
  ring->read = (read + whole + 8) % DATA_BYTES;
  return 1;
}

/* The ranges of a direct packet: right, nearly, or nowhere. */
static void add_ranges(struct packet *packet, u32 length) {
  u32 ranges = one_in(8) ? 1 + below(3) : 1, at = 2;
  packet->type = DIRECT;
  packet->extra[0] = 0;
  packet->extra[1] = one_in(80) ? hostile() : ranges;
  for (u32 i = 0; i < ranges; i++) {
    u32 offset = one_in(3) ? below(PAGE) : 0, bytes = length < 16 * PAGE ? length : 16 * PAGE;
    packet->extra[at++] = one_in(80) ? hostile() : bytes;
    packet->extra[at++] = one_in(80) ? hostile() : offset;
    for (u32 page = 0; page < (offset + bytes + PAGE - 1) / PAGE && at < 82; page++) {
      u64 number = one_in(8) ? any_page() : good_page();
      packet->extra[at++] = number;
      packet->extra[at++] = number >> 32;
    }
    if (at > 60) {
      packet->extra[1] = i + 1;
      break;
    }
  }
  packet->extra_bytes = 4 * at;
}
