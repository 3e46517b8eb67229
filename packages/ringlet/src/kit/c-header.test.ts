import { protocol } from '@ringlet/vmbus';
import { array, bytes, guid, i16, reserved, struct, u16, u32, u32be, u64, u8, utf16 } from '@ringlet/wire';
import { expect, test } from 'vitest';
import { cHeader } from './c-header.ts';

const Point = struct('point', 4, { x: i16, y: i16 });
const Everything = protocol({
  name: 'every-thing',
  interfaceId: '0d8c2a3e-54b1-4f0c-9a53-3b6b0f1f7a10',
  instanceId: '0d8c2a3e-54b1-4f0c-9a53-3b6b0f1f7a11',
  messages: {
    Nothing: { tag: 0xffff_ffff, from: 'host', about: 'an end */ of a comment', fields: {} },
    AllKinds: {
      tag: 2,
      from: 'guest',
      about: 'has them all',
      fields: {
        byteCount: u8,
        _pad: reserved(3),
        big: u32be,
        key: u64,
        id: guid,
        raw: bytes(3),
        title: utf16(5),
        many: array(array(u16, 2), 3),
        origin: Point,
        corners: array(Point, 2),
      },
    },
    Word: { tag: 3, from: 'host', about: 'w', fields: { word: u32 } },
  },
});

test('each kind of field is what a compiler of C lays out at the same place', () => {
  expect(cHeader(Everything)).toBe(`\
/* every-thing: what crosses its channel. Made from its protocol, by: ringlet device FILE --header */
#pragma once
#include <stdint.h>

#define EVERY_THING_INTERFACE "0d8c2a3e-54b1-4f0c-9a53-3b6b0f1f7a10"
#define EVERY_THING_INSTANCE "0d8c2a3e-54b1-4f0c-9a53-3b6b0f1f7a11"

/* Host to guest: an end * / of a comment */
#define EVERY_THING_NOTHING 4294967295u
struct every_thing_nothing {
	uint32_t tag;
} __attribute__((packed));
_Static_assert(sizeof(struct every_thing_nothing) == 4, "Nothing has 4 bytes");

/* Guest to host: has them all */
#define EVERY_THING_ALL_KINDS 2u
struct every_thing_all_kinds {
	uint32_t tag;
	uint8_t byte_count;
	uint8_t _pad[3];
	uint32_t big; /* big-endian */
	uint64_t key;
	uint8_t id[16];
	uint8_t raw[3];
	uint16_t title[5]; /* UTF-16 */
	uint16_t many[3][2];
	struct {
		int16_t x;
		int16_t y;
	} origin;
	struct {
		int16_t x;
		int16_t y;
	} corners[2];
} __attribute__((packed));
_Static_assert(sizeof(struct every_thing_all_kinds) == 73, "AllKinds has 73 bytes");

/* Host to guest: w */
#define EVERY_THING_WORD 3u
struct every_thing_word {
	uint32_t tag;
	uint32_t word;
} __attribute__((packed));
_Static_assert(sizeof(struct every_thing_word) == 8, "Word has 8 bytes");
`);
});
