/* What each kind of device is told: packets that it can understand, before they are spoilt. */
#pragma once

enum { STORAGE, NETWORK, VIDEO, KEYBOARD, MOUSE, INTEGRATION, OTHER, KINDS };
static const char *const kind_names[KINDS] = { "storage", "network", "video", "keyboard", "mouse", "integration", "other" };

static u32 kind_of(u32 device) {
  switch (device) {
    case 0xba6163d9: case 0x32412632: return STORAGE;
    case 0xf8615163: return NETWORK;
    case 0xda0a7802: return VIDEO;
    case 0xf912ad6d: return KEYBOARD;
    case 0xcfa8b69e: return MOUSE;
    case 0xa9a0f4e7: case 0x9527e630: case 0x57164f39: case 0x0e0b6031: case 0x34d14be3: case 0x35fa2e29: return INTEGRATION;
    default: return OTHER;
  }
}

static void words(struct packet *packet, u32 bytes, const u32 *from, u32 count) {
  for (u32 i = 0; i < bytes; i++) packet->payload[i] = 0;
  for (u32 i = 0; i < count; i++) ((u32 *)packet->payload)[i] = from[i];
  packet->bytes = bytes;
}
#define WORDS(packet, bytes, ...) words(packet, bytes, (u32[]){ __VA_ARGS__ }, sizeof (u32[]){ __VA_ARGS__ } / 4)

/* What a driver of storage says first, one step after the other. */
static void storage_greeting(struct packet *packet, u32 step) {
  static const u8 operations[] = { 7, 9, 10, 13, 8 };
  WORDS(packet, 64, operations[step % 5], 1, 0, step % 5 == 1 ? (one_in(3) ? 0x402 : 0x600) : step % 5 == 3 ? 1 : 0);
}

static void storage_command(struct packet *packet) {
  static const u8 codes[] = { 0x00, 0x03, 0x08, 0x0a, 0x12, 0x15, 0x1a, 0x1b, 0x25, 0x28, 0x28, 0x28, 0x2a, 0x2a, 0x2a, 0x2f, 0x35,
    0x41, 0x42, 0x4d, 0x55, 0x5a, 0x5e, 0x5f, 0x88, 0x8a, 0x8f, 0x91, 0x93, 0x9e, 0xa0, 0xa3, 0xa8, 0x43, 0x46, 0x4a, 0x51 };
  static const u8 lengths[] = { 6, 10, 12, 16 };
  u32 transfers[] = { 0, 512, 4096, 8192, 36, 255, hostile() };
  u8 *bytes = packet->payload;
  WORDS(packet, 64, one_in(8) ? below(16) : 3, 1);
  bytes[12] = 52;
  bytes[18] = one_in(8) ? below(256) : 0;
  bytes[19] = one_in(8) ? below(256) : 0;
  bytes[20] = one_in(8) ? below(256) : lengths[below(4)];
  bytes[21] = 20;
  bytes[22] = one_in(16) ? below(256) : below(3);
  u32 length = transfers[below(7)];
  *(u32 *)(bytes + 24) = length;
  bytes[28] = one_in(16) ? below(256) : codes[below(sizeof codes)];
  /* Small big-endian addresses and lengths, so that some requests can be done. */
  if (one_in(3)) fill(bytes + 29, 15);
  bytes[32] = one_in(2) ? 36 : below(256);
  bytes[33] = below(256);
  bytes[36] = below(20);
  bytes[41] = below(20);
  if (length || one_in(8)) add_ranges(packet, length);
}

/* GPADLs that the network's greeting names. */
static u32 receive_gpadl, send_gpadl;

static void network_greeting(struct packet *packet, u32 step) {
  u32 version = one_in(4) ? 0x50000 : 0x60001;
  switch (step % 6) {
    case 0: WORDS(packet, 40, 1, version, version); break;
    case 1: WORDS(packet, 40, 125, one_in(2) ? 1514 : hostile(), 0, hostile()); break;
    case 2: WORDS(packet, 40, 100, 6, 30); break;
    case 3: WORDS(packet, 40, 101, receive_gpadl, 0xcafe); break;
    case 4: WORDS(packet, 40, 104, send_gpadl, 0); break;
    default: WORDS(packet, 40, 133, 1, 1 + below(4));
  }
}

/* An RNDIS message in memory: one of control, or a frame that a host might take for one. @return its bytes */
static u32 write_rndis(u32 *at, int control) {
  static const u32 oids[] = { 0x0001010e, 0x01010101, 0x01010102, 0x01010103, 0x00010101, 0x00010106, 0x00010107, 0x00010114,
    0x00010202, 0xfc01020c, 0xfc01020b, 0x00010203, 0x00010204, 0x00020101, 0x0001021b, 0xfc010205 };
  static const u8 types[] = { 2, 3, 4, 4, 4, 5, 5, 5, 6, 8, 7 };
  for (u32 i = 0; i < 64; i++) at[i] = 0;
  if (control) {
    u32 type = one_in(16) ? hostile() : types[below(sizeof types)], info = one_in(3) ? below(200) : 4;
    u32 bytes = type == 2 ? 24 : type == 4 || type == 5 ? 28 + info : 12;
    u32 first = type == 2 ? 1 : one_in(16) ? hostile() : oids[below(16)];
    u32 head[] = { type, bytes, below(1000), first, type == 2 ? 0 : info, type == 2 ? 0x4000 : 20, 0, below(64) };
    if (info > 4) fill(at + 7, info);
    for (u32 i = 0; i < 8; i++) at[i] = head[i];
    return bytes;
  }
  u32 info = one_in(2) ? 16 + 4 * below(12) : 0, frame = one_in(4) ? below(1600) : 42 + below(100);
  u32 head[] = { 1, 44 + info + frame, 36 + info, frame, 0, 0, 0, info ? 36 : 0, info, 0, 0 };
  for (u32 i = 0; i < 11; i++) at[i] = head[i];
  if (info) {
    u32 one[] = { one_in(2) ? info : 16, below(12), 12 };
    fill(at + 11, info);
    for (u32 i = 0; i < 3; i++) at[11 + i] = one[i];
  }
  u8 *ether = (u8 *)at + 44 + info;
  static const u8 ip[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0x52, 0x6c, 1, 2, 3, 8, 0, 0x45, 0, 0, 60, 0, 1, 0, 0, 64, 17, 0, 0, 10, 0, 2, 15,
    10, 0, 2, 2, 0, 68, 0, 67, 0, 40, 0, 0 };
  static const u8 arp[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 2, 0x52, 0x6c, 1, 2, 3, 8, 6, 0, 1, 8, 0, 6, 4, 0, 1, 2, 0x52, 0x6c, 1, 2, 3, 10, 0,
    2, 15, 0, 0, 0, 0, 0, 0, 10, 0, 2, 2 };
  fill(ether, frame);
  const u8 *from = one_in(3) ? arp : ip;
  if (!one_in(4)) {
    for (u32 i = 0; i < 42 && i < frame; i++) ether[i] = from[i];
    if (from == ip && frame > 34) {
      static const u8 protocols[] = { 1, 6, 17, 58 };
      ether[23] = one_in(8) ? below(256) : protocols[below(4)];
      if (one_in(2)) ether[37] = one_in(2) ? 53 : below(256);
      ether[46 % frame] = below(256);
      /* The checksum of the header, right more often than not. */
      u32 sum = 0;
      ether[16] = (frame - 14) >> 8;
      ether[17] = frame - 14;
      ether[24] = ether[25] = 0;
      for (u32 i = 14; i < 34; i += 2) sum += ether[i] << 8 | ether[i + 1];
      sum = (sum & 0xffff) + (sum >> 16);
      sum = ~(sum + (sum >> 16));
      ether[24] = sum >> 8;
      ether[25] = one_in(8) ? 0 : sum;
    }
  }
  for (u32 n = one_in(2) ? below(4) : 0; n; n--) at[below(44 / 4 + info / 4)] = hostile();
  return 44 + info + frame;
}

static void network_message(struct packet *packet) {
  static const u8 types[] = { 1, 100, 101, 103, 104, 106, 107, 108, 125, 128, 129, 133, 134 };
  if (one_in(6)) {
    u8 type = types[below(sizeof types)];
    WORDS(packet, 40, type, hostile(), hostile(), hostile(), hostile());
    if (type == 101 || type == 104) ((u32 *)packet->payload)[1] = one_in(2) ? receive_gpadl : some_gpadl();
    if (one_in(2)) ((u32 *)packet->payload)[2] = one_in(2) ? 0xcafe : 0;
    return;
  }
  int control = one_in(2);
  u64 page = BUFFERS + below(BUFFERS_END - BUFFERS - 4);
  u32 bytes = write_rndis((u32 *)(page << 12), control);
  WORDS(packet, 40, 107, control, one_in(3) ? below(20) : 0xffffffff, one_in(4) ? hostile() : 0);
  if (((u32 *)packet->payload)[2] != 0xffffffff) {
    ((u32 *)packet->payload)[3] = bytes;
    return;
  }
  packet->type = DIRECT;
  u32 ranges[] = { 0, 1, one_in(16) ? hostile() : bytes, 0, page, 0 };
  for (u32 i = 0; i < 6; i++) packet->extra[i] = ranges[i];
  packet->extra_bytes = 24;
}

/* The pipe's header and that of synthetic devices; `counted` of its own bytes the second one counts. */
static void synthetic(struct packet *packet, u32 type, u32 bytes, u32 counted) {
  u32 *at = (u32 *)packet->payload;
  at[0] = 1;
  at[1] = 8 + bytes;
  at[2] = type;
  at[3] = counted + bytes;
  packet->bytes = 16 + bytes;
}

static void video_message(struct packet *packet, u32 type) {
  static const u16 sizes[] = { 0, 4, 6, 17, 8, 27, 8, 10, 600, 4, 18, 0, 16, 1, 131, 0, 64, 9 };
  u8 *body = packet->payload + 16;
  u32 bytes = sizes[type];
  fill(body, bytes);
  u32 side = one_in(2) ? below(2000) : hostile();
  switch (type) {
    case 1: *(u32 *)body = one_in(8) ? hostile() : (one_in(2) ? 5 : 2) << 16 | 3; break;
    case 3:
      body[8] = !one_in(4);
      *(u64 *)(body + 9) = any_page() << 12;
      break;
    case 5:
      body[8] = body[9] = 1;
      *(u32 *)(body + 10) = one_in(4) ? hostile() : 0;
      body[14] = one_in(4) ? below(256) : 32;
      *(u32 *)(body + 15) = side;
      *(u32 *)(body + 19) = one_in(2) ? below(1200) : hostile();
      *(u32 *)(body + 23) = one_in(4) ? hostile() : 4 * side;
      break;
    case 8:
      body[0] = one_in(2) ? 0xff : below(4);
      body[1] = below(2);
      *(u32 *)(body + 2) = one_in(4) ? hostile() : 1 + below(96);
      *(u32 *)(body + 6) = one_in(4) ? hostile() : 1 + below(96);
      break;
    case 10: body[1] = one_in(2) ? 1 : below(256);
  }
  synthetic(packet, type, bytes, 8);
}

/* The n-th thing that a driver says of itself; what comes after the greeting repeats it. */
static void greeting(struct packet *packet, u32 kind, u32 step) {
  static const u8 video_steps[] = { 1, 13, 3, 5, 9, 8, 7, 10 };
  packet->type = IN_BAND;
  packet->flags = 1;
  packet->transaction = step + 1;
  packet->extra_bytes = 0;
  switch (kind) {
    case STORAGE: storage_greeting(packet, step); break;
    case NETWORK: network_greeting(packet, step); break;
    case VIDEO:
      video_message(packet, video_steps[step % 8]);
      if (step == 0) *(u32 *)(packet->payload + 16) = 5 << 16 | 3;
      break;
    case KEYBOARD: WORDS(packet, 8, 1, 0x10000); break;
    case MOUSE:
      synthetic(packet, step ? 3 : 0, step ? 1 : 4, 0);
      *(u32 *)(packet->payload + 16) = step ? 0 : 0x20000;
      break;
    default: packet->bytes = 0;
  }
}

/* Any message of a kind. */
static void any_packet(struct packet *packet, u32 kind) {
  packet->type = IN_BAND;
  packet->flags = 1;
  packet->transaction = one_in(2) ? below(64) : random64();
  packet->extra_bytes = 0;
  if (one_in(8)) return greeting(packet, kind, below(8));
  switch (kind) {
    case STORAGE: storage_command(packet); break;
    case NETWORK: network_message(packet); break;
    case VIDEO: video_message(packet, below(18)); break;
    case KEYBOARD:
      fill(packet->payload, 64);
      *(u32 *)packet->payload = below(6);
      packet->bytes = 4 + below(24);
      break;
    case MOUSE:
      fill(packet->payload, 200);
      synthetic(packet, below(8), below(60), one_in(2) ? 0 : 8);
      break;
    default: {
      /* Pipe, framework, type, version, size, status, transaction, flags; then whatever the type has. */
      u32 bytes = one_in(4) ? below(MOST_PAYLOAD - 64) : below(128);
      fill(packet->payload, 28 + bytes);
      u16 *half = (u16 *)packet->payload;
      ((u32 *)packet->payload)[0] = 1;
      ((u32 *)packet->payload)[1] = 20 + bytes;
      half[4] = 3;
      half[5] = 0;
      half[6] = below(10);
      half[7] = one_in(2) ? 3 : below(8);
      half[8] = 0;
      half[9] = bytes;
      *(u32 *)(packet->payload + 20) = one_in(2) ? 0 : hostile();
      packet->payload[25] = below(8);
      packet->bytes = 28 + bytes;
    }
  }
}

/* Changes little, or much. */
static void spoil(struct packet *packet) {
  u32 changes = one_in(8) ? 16 : 1 + below(3);
  for (; changes && packet->bytes >= 4; changes--) {
    if (one_in(2)) ((u32 *)packet->payload)[below(packet->bytes / 4)] = hostile();
    else packet->payload[below(packet->bytes)] ^= 1 << below(8);
  }
  if (one_in(6)) packet->bytes = one_in(2) ? below(packet->bytes + 1) : below(MOST_PAYLOAD);
  if (one_in(60)) packet->type = one_in(2) ? below(16) : hostile();
  if (one_in(60)) packet->flags = hostile();
  if (one_in(60)) packet->extra_bytes = 8 * below(40);
}
