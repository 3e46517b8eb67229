/* Messages of the bus: the few that a driver needs, and the rest. */
#pragma once

enum { POST_MESSAGE = 0x5c, SIGNAL_EVENT = 0x1005d, MESSAGE_BYTES = 240, MOST_OFFERS = 24, BUS_SINT = 2 };
enum { OFFER = 1, REQUEST_OFFERS = 3, OPEN = 5, OPEN_RESULT, CLOSE, GPADL_HEADER, GPADL_BODY, GPADL_CREATED, GPADL_TEARDOWN,
  GPADL_TORNDOWN, RELID_RELEASED, CONTACT = 14, VERSION_RESPONSE, UNLOAD, UNLOAD_RESPONSE };

struct message {
  u32 type, zero;
  u32 body[58];
};

/* What was offered in this connection. */
static struct offer {
  u32 relid, connection, device;
} offers[MOST_OFFERS];
static u32 offer_count, message_connection, version_known, all_offered;
static u64 messages_posted, messages_received;
static u32 next_gpadl = 0x1000;

/* The message page, the event flags, and what is posted: below the buffers that devices are told of. */
#define MESSAGE_PAGE 0x3f0ul
#define EVENT_PAGE 0x3f1ul
#define POST_PAGE 0x3f2ul

static u32 post_to(u32 connection, const void *message, u32 bytes) {
  u32 *input = (u32 *)(POST_PAGE << 12);
  input[0] = connection;
  input[1] = 0;
  input[2] = 1;
  input[3] = bytes;
  for (u32 i = 0; i < bytes; i++) ((u8 *)(input + 4))[i] = ((const u8 *)message)[i];
  messages_posted++;
  return hypercall(POST_MESSAGE, POST_PAGE << 12, 0);
}

static void post(struct message *message, u32 body_bytes) { post_to(message_connection, message, 8 + body_bytes); }

static void signal(u32 connection) { hypercall(SIGNAL_EVENT, connection, 0); }

static void heard(const u32 *payload) {
  const u32 *body = payload + 2;
  messages_received++;
  switch (payload[0]) {
    case OFFER:
      if (offer_count == MOST_OFFERS) break;
      offers[offer_count++] = (struct offer){ body[176 / 4], body[184 / 4], body[0] };
      break;
    case 4: all_offered = 1; break;
    case VERSION_RESPONSE:
      version_known = body[0] & 0xff;
      if (body[1] < 0x1000) message_connection = body[1];
      break;
  }
}

/* Takes what the message slot holds. @return whether there was anything */
static int listen(void) {
  volatile u32 *slot = (volatile u32 *)((MESSAGE_PAGE << 12) + 256 * BUS_SINT);
  if (!slot[0]) return 0;
  u32 payload[60];
  for (u32 i = 0; i < 60; i++) payload[i] = slot[4 + i];
  slot[0] = 0;
  set(EOM, 0);
  heard(payload);
  return 1;
}

/* Not for ever: a timer that was told to may fill the slot as fast as it is emptied. */
static void listen_to_all(void) {
  for (u32 most = 64; most && listen(); most--) {}
}

/* For as long as the root may need, which shares its processors with others. */
static void await(const volatile u32 *what) {
  for (u64 until = now() + 3000000; !*what && now() < until;) {
    /* What was put off while the page lay elsewhere is tried again at the end of a message. */
    if (!listen()) set(EOM, 0);
  }
}

/* Full queues are emptied as their reader is heard. */
static void post_at_last(struct message *message, u32 body_bytes) {
  for (u64 until = now() + 3000000; post_to(message_connection, message, 8 + body_bytes) && now() < until;) {
    if (!listen()) set(EOM, 0);
  }
}

static void set_up_synic(void) {
  static const u64 sints[] = { 0x20050, 0x50, 0x40050 };
  set(GUEST_OS_ID, 0x8100000000000000ul);
  set(HYPERCALL, ADDRESS(hypercall_page) | 1);
  set(SIMP, MESSAGE_PAGE << 12 | 1);
  set(SIEFP, EVENT_PAGE << 12 | 1);
  set(SCONTROL, 1);
  set(SINT2, sints[below(3)]);
}

/* @return whether the root agreed and offered something */
static int connect_anew(void) {
  static const u32 versions[] = { 0x50002, 0x50001, 0x50000, 0x40001, 0x40000, 0x60000, 0x30000, 0x20004 };
  for (u32 i = 0; i < 4; i++) set(TIMER_CONFIG + 2 * i, 0);
  set_up_synic();
  listen_to_all();
  message_connection = 4;
  struct message unload = { UNLOAD };
  if (one_in(2)) post_at_last(&unload, 0);
  offer_count = version_known = all_offered = 0;
  struct message contact = { CONTACT, 0, { one_in(4) ? versions[below(8)] : 0x50003, 0, BUS_SINT } };
  post_at_last(&contact, 32);
  await(&version_known);
  struct message request = { REQUEST_OFFERS };
  post_at_last(&request, 0);
  await(&all_offered);
  return offer_count > 0;
}

/* Describes pages by as many messages as it takes. */
static u32 describe_pages(u32 relid, u32 gpadl, const u64 *pages, u32 count) {
  struct message message = { GPADL_HEADER, 0, { relid, gpadl, (8 + 8 * count) | 1 << 16, count * PAGE, 0 } };
  u32 done = 0, first = count < 26 ? count : 26;
  for (; done < first; done++) {
    message.body[5 + 2 * done] = pages[done];
    message.body[6 + 2 * done] = pages[done] >> 32;
  }
  post(&message, 12 + 8 + 8 * first);
  while (done < count) {
    struct message more = { GPADL_BODY, 0, { 0, gpadl } };
    u32 here = 0;
    for (; here < 28 && done < count; here++, done++) {
      more.body[2 + 2 * here] = pages[done];
      more.body[3 + 2 * here] = pages[done] >> 32;
    }
    post(&more, 8 + 8 * here);
  }
  return gpadl;
}

static u32 some_relid(void) { return offer_count && !one_in(4) ? offers[below(offer_count)].relid : hostile(); }
static u32 some_gpadl(void) { return one_in(4) ? hostile() : next_gpadl - below(8); }

/* One message of any type, its length right or nearly, its first words sometimes those of something that exists. */
static void any_message(void) {
  static const u8 sizes[] = { 0, 188, 4, 0, 0, 140, 12, 4, 60, 60, 12, 8, 4, 4, 32, 8, 0, 0, 20, 12, 4, 48, 8, 36, 8, 16, 1, 0, 0, 0 };
  u32 type = below(sizeof sizes);
  /* Those that end the connection are rare, or nothing else would happen. */
  if ((type == CONTACT || type == UNLOAD) && !one_in(50)) type = GPADL_HEADER;
  struct message message;
  fill(&message, sizeof message);
  u32 bytes = 8 + sizes[type] + (one_in(2) ? 0 : 4 * below(16)) - (one_in(8) ? 4 : 0);
  if (!one_in(16)) {
    message.type = type;
    message.zero = 0;
  }
  if (!one_in(4)) message.body[0] = some_relid();
  if (one_in(2)) message.body[1] = some_gpadl();
  if (one_in(4)) message.body[2] = some_gpadl();
  u32 connection = one_in(8) ? hostile() : one_in(2) ? message_connection : one_in(2) ? 1 : 4;
  post_to(connection, &message, one_in(16) ? below(256) : bytes > MESSAGE_BYTES ? MESSAGE_BYTES : bytes);
}

/* Pages that overlap, lie outside of memory, contradict their count, or are never all told. */
static void any_gpadl(void) {
  static u64 pages[600];
  u32 count = 1 + (one_in(16) ? below(600) : below(40)), relid = some_relid();
  u64 first = good_page();
  int scattered = one_in(2);
  for (u32 i = 0; i < count; i++) pages[i] = scattered ? any_page() : first + i;
  switch (below(5)) {
    case 0: {
      struct message teardown = { GPADL_TEARDOWN, 0, { relid, some_gpadl() } };
      post(&teardown, 8);
      break;
    }
    case 1: {
      struct message header = { GPADL_HEADER, 0, { relid, next_gpadl++, below(65536) | below(4) << 16, hostile(), hostile() } };
      for (u32 i = 0; i < 52; i++) header.body[5 + i] = one_in(2) ? hostile() : i & 1 ? 0 : any_page();
      post(&header, 12 + 8 * below(28));
      break;
    }
    case 2: {
      struct message body = { GPADL_BODY, 0, { below(3), some_gpadl() } };
      fill(body.body + 2, 224);
      post(&body, 8 + 8 * below(29));
      break;
    }
    default: describe_pages(relid, one_in(8) ? some_gpadl() : next_gpadl++, pages, count);
  }
}
