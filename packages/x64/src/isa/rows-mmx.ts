/** MMX, and the MMX forms of SSE to SSSE3. Columns: see `table.ts`. Handlers are `op…Mmx`. */

/** Packed integer operations that exist for MMX and XMM registers with the same opcode: name, opcode, feature of MMX form. */
export const PACKED: readonly (readonly [string, string, string])[] = [
  ['punpcklbw', '60', 'mmx'],
  ['punpcklwd', '61', 'mmx'],
  ['punpckldq', '62', 'mmx'],
  ['packsswb', '63', 'mmx'],
  ['pcmpgtb', '64', 'mmx'],
  ['pcmpgtw', '65', 'mmx'],
  ['pcmpgtd', '66', 'mmx'],
  ['packuswb', '67', 'mmx'],
  ['punpckhbw', '68', 'mmx'],
  ['punpckhwd', '69', 'mmx'],
  ['punpckhdq', '6A', 'mmx'],
  ['packssdw', '6B', 'mmx'],
  ['pcmpeqb', '74', 'mmx'],
  ['pcmpeqw', '75', 'mmx'],
  ['pcmpeqd', '76', 'mmx'],
  ['psrlw', 'D1', 'mmx'],
  ['psrld', 'D2', 'mmx'],
  ['psrlq', 'D3', 'mmx'],
  ['paddq', 'D4', 'sse2'],
  ['pmullw', 'D5', 'mmx'],
  ['psubusb', 'D8', 'mmx'],
  ['psubusw', 'D9', 'mmx'],
  ['pminub', 'DA', 'sse'],
  ['pand', 'DB', 'mmx'],
  ['paddusb', 'DC', 'mmx'],
  ['paddusw', 'DD', 'mmx'],
  ['pmaxub', 'DE', 'sse'],
  ['pandn', 'DF', 'mmx'],
  ['pavgb', 'E0', 'sse'],
  ['psraw', 'E1', 'mmx'],
  ['psrad', 'E2', 'mmx'],
  ['pavgw', 'E3', 'sse'],
  ['pmulhuw', 'E4', 'sse'],
  ['pmulhw', 'E5', 'mmx'],
  ['psubsb', 'E8', 'mmx'],
  ['psubsw', 'E9', 'mmx'],
  ['pminsw', 'EA', 'sse'],
  ['por', 'EB', 'mmx'],
  ['paddsb', 'EC', 'mmx'],
  ['paddsw', 'ED', 'mmx'],
  ['pmaxsw', 'EE', 'sse'],
  ['pxor', 'EF', 'mmx'],
  ['psllw', 'F1', 'mmx'],
  ['pslld', 'F2', 'mmx'],
  ['psllq', 'F3', 'mmx'],
  ['pmuludq', 'F4', 'sse2'],
  ['pmaddwd', 'F5', 'mmx'],
  ['psadbw', 'F6', 'sse'],
  ['psubb', 'F8', 'mmx'],
  ['psubw', 'F9', 'mmx'],
  ['psubd', 'FA', 'mmx'],
  ['psubq', 'FB', 'sse2'],
  ['paddb', 'FC', 'mmx'],
  ['paddw', 'FD', 'mmx'],
  ['paddd', 'FE', 'mmx'],
];

/** SSSE3 operations of map 0F 38, in both register files. */
export const SSSE3: readonly (readonly [string, string])[] = [
  ['pshufb', '00'],
  ['phaddw', '01'],
  ['phaddd', '02'],
  ['phaddsw', '03'],
  ['pmaddubsw', '04'],
  ['phsubw', '05'],
  ['phsubd', '06'],
  ['phsubsw', '07'],
  ['psignb', '08'],
  ['psignw', '09'],
  ['psignd', '0A'],
  ['pmulhrsw', '0B'],
  ['pabsb', '1C'],
  ['pabsw', '1D'],
  ['pabsd', '1E'],
];

/** Shifts by an immediate: name, opcode, modrm.reg. */
export const PACKED_SHIFTS: readonly (readonly [string, string, number])[] = [
  ['psrlw', '71', 2],
  ['psraw', '71', 4],
  ['psllw', '71', 6],
  ['psrld', '72', 2],
  ['psrad', '72', 4],
  ['pslld', '72', 6],
  ['psrlq', '73', 2],
  ['psllq', '73', 6],
];

/** The text of the section. */
export const mmxRows = `
  emms | NP 0F 77 | | h:opEmms
  movd | NP 0F 6E | Pq,Ey |
  movd | NP 0F 7E | Ey,Pq | h:opMovdFromMmx
  movq | NP 0F 6F | Pq,Qq |
  movq | NP 0F 7F | Qq,Pq |
  movntq | NP 0F E7 mem | Mq,Pq | cpu:sse h:opMovqMmx
  pshufw | NP 0F 70 | Pq,Qq,Ib | cpu:sse
  pinsrw | NP 0F C4 | Pq,Ew,Ib | cpu:sse
  pextrw | NP 0F C5 reg | Gd,Nq,Ib | cpu:sse
  pmovmskb | NP 0F D7 reg | Gd,Nq | cpu:sse
  maskmovq | NP 0F F7 reg | Pq,Nq | cpu:sse
  palignr | NP 0F3A 0F | Pq,Qq,Ib | cpu:ssse3
  movq2dq | F3 0F D6 reg | Vo,Nq | cpu:sse2
  movdq2q | F2 0F D6 reg | Pq,Uo | cpu:sse2
  cvtpi2ps | NP 0F 2A | Vo,Qq | cpu:sse
  cvttps2pi | NP 0F 2C | Pq,Wq | cpu:sse
  cvtps2pi | NP 0F 2D | Pq,Wq | cpu:sse
  cvtpi2pd | 66 0F 2A | Vo,Qq | cpu:sse2
  cvttpd2pi | 66 0F 2C | Pq,Wo | cpu:sse2
  cvtpd2pi | 66 0F 2D | Pq,Wo | cpu:sse2
  ${PACKED.map(([name, opcode, feature]) => `${name} | NP 0F ${opcode} | Pq,${name.startsWith('punpckl') ? 'Qd' : 'Qq'} | cpu:${feature}`).join('\n')}
  ${PACKED_SHIFTS.map(([name, opcode, n]) => `${name} | NP 0F ${opcode} /${n} reg | Nq,Ib | h:op${name[0]!.toUpperCase()}${name.slice(1)}ImmediateMmx`).join('\n')}
  ${SSSE3.map(([name, opcode]) => `${name} | NP 0F38 ${opcode} | Pq,Qq | cpu:ssse3`).join('\n')}
`;
