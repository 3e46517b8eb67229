/* Channels of what is offered: opened, greeted, answered, spoilt, closed. */
#pragma once

static struct channel {
  u32 relid, connection, kind, gpadl, step, opened;
} channels[MOST_OFFERS];
static u64 packets_sent[KINDS], packets_received[KINDS];
static struct packet scratch_packet;

static struct ring *outgoing(u32 index) { return (struct ring *)((RINGS + 2ul * RING_PAGES * index) << 12); }
static struct ring *incoming(u32 index) { return outgoing(index) + 1; }

static void clear_ring(struct ring *ring) {
  ring->write = ring->read = ring->mask = ring->pending = 0;
  ring->features = 1;
}

static u32 describe_buffer(u32 relid, u32 count) {
  static u64 buffer[600];
  u64 first = BUFFERS + below(BUFFERS_END - BUFFERS - 600);
  for (u32 i = 0; i < count; i++) buffer[i] = first + i;
  return describe_pages(relid, next_gpadl++, buffer, count);
}

static void speak(u32 index) {
  struct channel *channel = channels + index;
  packets_sent[channel->kind] += send(outgoing(index), &scratch_packet, one_in(250) ? hostile() : 0, one_in(250) ? hostile() : 0);
  if (!one_in(6)) signal(channel->connection);
}

/* Closes what may be open, in an order of its own, and opens on fresh rings. */
static void open_channel(u32 index) {
  struct channel *channel = channels + index;
  struct message close = { CLOSE, 0, { channel->relid } };
  struct message teardown = { GPADL_TEARDOWN, 0, { channel->relid, channel->gpadl } };
  if (channel->opened) {
    if (one_in(8)) post(&teardown, 8);
    if (!one_in(16)) post(&close, 4);
    if (!one_in(8)) post(&teardown, 8);
  }
  u64 pages[2 * RING_PAGES];
  for (u32 i = 0; i < 2 * RING_PAGES; i++) pages[i] = (ADDRESS(outgoing(index)) >> 12) + i;
  if (!one_in(16)) {
    clear_ring(outgoing(index));
    clear_ring(incoming(index));
  }
  if (one_in(24)) pages[below(2 * RING_PAGES)] = any_page();
  channel->gpadl = describe_pages(channel->relid, next_gpadl++, pages, 2 * RING_PAGES);
  struct message open = { OPEN, 0, { channel->relid, below(100), channel->gpadl, one_in(16) ? hostile() : 0, RING_PAGES } };
  if (one_in(32)) open.body[4] = hostile();
  if (one_in(32)) open.body[2] = some_gpadl();
  post(&open, 140);
  channel->opened = 1;
  channel->step = 0;
  if (channel->kind == NETWORK) {
    receive_gpadl = describe_buffer(channel->relid, 16 + below(500));
    send_gpadl = describe_buffer(channel->relid, 4 + below(200));
  }
  listen_to_all();
  static const u8 steps[KINDS] = { 5, 6, 8, 1, 2, 0, 0 };
  for (u32 said = one_in(4) ? below(4) : steps[channel->kind]; said; said--, channel->step++) {
    greeting(&scratch_packet, channel->kind, channel->step);
    speak(index);
  }
}

/* Reads what came in, and answers some of it: as completions, or by sending it back as the integration services want it. */
static void answer(u32 index, u32 most) {
  struct channel *channel = channels + index;
  for (; most && receive(incoming(index), &scratch_packet); most--) {
    packets_received[channel->kind]++;
    struct packet *packet = &scratch_packet;
    if (channel->kind == INTEGRATION && packet->bytes >= 28) {
      packet->payload[25] = 5;
      if (one_in(2)) *(u32 *)(packet->payload + 20) = one_in(4) ? hostile() : 0;
      /* Negotiations are mostly answered: one version of each, both of those listed. */
      if (*(u16 *)(packet->payload + 12) == 0 && !one_in(4) && packet->bytes >= 44) {
        u16 *list = (u16 *)(packet->payload + 28);
        u32 other = list[0] < 16 ? list[0] : 0;
        list[6] = list[4 + 2 * other];
        list[7] = list[5 + 2 * other];
        list[0] = list[1] = 1;
      } else if (one_in(2)) {
        spoil(packet);
      }
      packet->type = IN_BAND;
      packet->flags = 0;
      speak(index);
    } else if (packet->flags & 1 && !one_in(4)) {
      packet->type = COMPLETION;
      packet->flags = 0;
      if (channel->kind == NETWORK) WORDS(packet, 40, 108, one_in(8) ? hostile() : 1);
      if (one_in(8)) spoil(packet);
      if (one_in(16)) packet->transaction = random64();
      speak(index);
    }
  }
}

/* Moves an index, or writes anything anywhere in a ring. */
static void break_ring(u32 index) {
  struct ring *ring = one_in(2) ? outgoing(index) : incoming(index);
  switch (below(6)) {
    case 0: ring->write = one_in(2) ? hostile() : 8 * below(DATA_BYTES / 8); break;
    case 1: ring->read = one_in(2) ? hostile() : 8 * below(DATA_BYTES / 8); break;
    case 2: ring->mask = one_in(2) ? below(2) : hostile(); break;
    case 3: ring->pending = hostile(); break;
    case 4: ring->features = hostile(); break;
    default:
      for (u32 n = 1 + below(64), at = below(DATA_BYTES); n; n--, at += 4) {
        if (at + 4 <= DATA_BYTES) *(volatile u32 *)(ring->data + (at & ~3u)) = hostile();
      }
  }
}

static void any_channel_deed(void) {
  if (!offer_count) return any_message();
  u32 index = below(offer_count);
  struct channel *channel = channels + index;
  if (channel->relid != offers[index].relid || channel->connection != offers[index].connection) {
    *channel = (struct channel){ offers[index].relid, offers[index].connection, kind_of(offers[index].device) };
  }
  if (!channel->opened || one_in(50)) return open_channel(index);
  answer(index, 8);
  switch (below(80)) {
    case 0: break_ring(index); break;
    case 1: signal(one_in(2) ? channel->connection : hostile()); break;
    case 2:
      fill(scratch_packet.payload, scratch_packet.bytes = below(MOST_PAYLOAD));
      scratch_packet.type = one_in(2) ? IN_BAND : COMPLETION;
      scratch_packet.flags = below(2);
      scratch_packet.extra_bytes = 0;
      speak(index);
      break;
    default:
      any_packet(&scratch_packet, channel->kind);
      if (one_in(3)) spoil(&scratch_packet);
      speak(index);
  }
}
