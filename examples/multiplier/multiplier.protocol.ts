/** What crosses the channel of multiplier: the codecs, the C header, traces and the page are made of this. */
import { protocol, u32 } from 'ringlet/device';

export const Protocol = protocol({
  name: 'multiplier',
  interfaceId: '7b1c6a52-3d0e-4f6b-8a4d-5e2f90c31a60', // what kind of device this is: drivers look for it
  instanceId: '7b1c6a52-3d0e-4f6b-8a4d-5e2f90c31a61', // which one
  messages: {
    Ask: { tag: 1, from: 'guest', about: 'asks for an answer', fields: { value: u32 } },
    Answer: { tag: 2, from: 'host', about: 'the answer, and how many there were', fields: { value: u32, count: u32 } },
    Refusal: { tag: 3, from: 'host', about: 'that was no question', fields: {} },
  },
});
