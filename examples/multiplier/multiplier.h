/* multiplier: what crosses its channel. Made from its protocol, by: ringlet device FILE --header */
#pragma once
#include <stdint.h>

#define MULTIPLIER_INTERFACE "7b1c6a52-3d0e-4f6b-8a4d-5e2f90c31a60"
#define MULTIPLIER_INSTANCE "7b1c6a52-3d0e-4f6b-8a4d-5e2f90c31a61"

/* Guest to host: asks for an answer */
#define MULTIPLIER_ASK 1u
struct multiplier_ask {
	uint32_t tag;
	uint32_t value;
} __attribute__((packed));
_Static_assert(sizeof(struct multiplier_ask) == 8, "Ask has 8 bytes");

/* Host to guest: the answer, and how many there were */
#define MULTIPLIER_ANSWER 2u
struct multiplier_answer {
	uint32_t tag;
	uint32_t value;
	uint32_t count;
} __attribute__((packed));
_Static_assert(sizeof(struct multiplier_answer) == 12, "Answer has 12 bytes");

/* Host to guest: that was no question */
#define MULTIPLIER_REFUSAL 3u
struct multiplier_refusal {
	uint32_t tag;
} __attribute__((packed));
_Static_assert(sizeof(struct multiplier_refusal) == 4, "Refusal has 4 bytes");
