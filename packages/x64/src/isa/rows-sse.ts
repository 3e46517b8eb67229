/** SSE, SSE2 and SSE3 on XMM registers. Columns: see `table.ts`. */
import { PACKED, PACKED_SHIFTS } from './rows-mmx.ts';

/** Arithmetic in the four forms ps, pd, ss, sd: name, opcode. */
const ARITHMETIC: readonly (readonly [string, string])[] = [
  ['sqrt', '51'],
  ['add', '58'],
  ['mul', '59'],
  ['sub', '5C'],
  ['min', '5D'],
  ['div', '5E'],
  ['max', '5F'],
];

const arithmetic = ARITHMETIC.map(
  ([name, opcode]) => `
  ${name}ps | NP 0F ${opcode} | Vo,Wo | cpu:sse
  ${name}pd | 66 0F ${opcode} | Vo,Wo |
  ${name}ss | F3 0F ${opcode} | Vo,Wd | cpu:sse
  ${name}sd | F2 0F ${opcode} | Vo,Wq |`,
).join('\n');

const packed = PACKED.map(([name, opcode]) => `${name} | 66 0F ${opcode} | Vo,Wo |`).join('\n');
const packedShifts = PACKED_SHIFTS.map(
  ([name, opcode, n]) =>
    `${name} | 66 0F ${opcode} /${n} reg | Uo,Ib | h:op${name[0]!.toUpperCase()}${name.slice(1)}Immediate`,
).join('\n');

/** The text of the section. */
export const sseRows = `
  ${arithmetic}
  ${packed}
  ${packedShifts}
  psrldq | 66 0F 73 /3 reg | Uo,Ib |
  pslldq | 66 0F 73 /7 reg | Uo,Ib |
  punpcklqdq | 66 0F 6C | Vo,Wo |
  punpckhqdq | 66 0F 6D | Vo,Wo |
  # moves
  movups | NP 0F 10 | Vo,Wo | cpu:sse h:opMovups
  movups | NP 0F 11 | Wo,Vo | cpu:sse h:opMovups
  movupd | 66 0F 10 | Vo,Wo | h:opMovups
  movupd | 66 0F 11 | Wo,Vo | h:opMovups
  movss | F3 0F 10 | Vo,Wd | cpu:sse
  movss | F3 0F 11 | Wd,Vo | cpu:sse
  movsd | F2 0F 10 | Vo,Wq | h:opMovsdXmm
  movsd | F2 0F 11 | Wq,Vo | h:opMovsdXmm
  movlps | NP 0F 12 mem | Vo,Mq | cpu:sse h:opMovlps
  movhlps | NP 0F 12 reg | Vo,Uo | cpu:sse
  movlps | NP 0F 13 mem | Mq,Vo | cpu:sse h:opMovlps
  movlpd | 66 0F 12 mem | Vo,Mq | h:opMovlps
  movlpd | 66 0F 13 mem | Mq,Vo | h:opMovlps
  movsldup | F3 0F 12 | Vo,Wo | cpu:sse3
  movddup | F2 0F 12 | Vo,Wq | cpu:sse3
  unpcklps | NP 0F 14 | Vo,Wo | cpu:sse
  unpcklpd | 66 0F 14 | Vo,Wo |
  unpckhps | NP 0F 15 | Vo,Wo | cpu:sse
  unpckhpd | 66 0F 15 | Vo,Wo |
  movhps | NP 0F 16 mem | Vo,Mq | cpu:sse h:opMovhps
  movlhps | NP 0F 16 reg | Vo,Uo | cpu:sse
  movhps | NP 0F 17 mem | Mq,Vo | cpu:sse h:opMovhps
  movhpd | 66 0F 16 mem | Vo,Mq | h:opMovhps
  movhpd | 66 0F 17 mem | Mq,Vo | h:opMovhps
  movshdup | F3 0F 16 | Vo,Wo | cpu:sse3
  movaps | NP 0F 28 | Vo,Wo | cpu:sse h:opMovaps
  movaps | NP 0F 29 | Wo,Vo | cpu:sse h:opMovaps
  movapd | 66 0F 28 | Vo,Wo | h:opMovaps
  movapd | 66 0F 29 | Wo,Vo | h:opMovaps
  movntps | NP 0F 2B mem | Mo,Vo | cpu:sse h:opMovaps
  movntpd | 66 0F 2B mem | Mo,Vo | h:opMovaps
  movdqa | 66 0F 6F | Vo,Wo | h:opMovaps
  movdqa | 66 0F 7F | Wo,Vo | h:opMovaps
  movdqu | F3 0F 6F | Vo,Wo | h:opMovups
  movdqu | F3 0F 7F | Wo,Vo | h:opMovups
  movntdq | 66 0F E7 mem | Mo,Vo | h:opMovaps
  lddqu | F2 0F F0 mem | Vo,Mo | cpu:sse3 h:opMovups
  movd | 66 0F 6E | Vo,Ey | h:opMovdToXmm
  movd | 66 0F 7E | Ey,Vo | h:opMovdFromXmm
  movq | F3 0F 7E | Vo,Wq | h:opMovqXmm
  movq | 66 0F D6 | Wq,Vo | h:opMovqXmm
  maskmovdqu | 66 0F F7 reg | Vo,Uo |
  movmskps | NP 0F 50 reg | Gd,Uo | cpu:sse
  movmskpd | 66 0F 50 reg | Gd,Uo |
  pmovmskb | 66 0F D7 reg | Gd,Uo |
  # arithmetic
  rsqrtps | NP 0F 52 | Vo,Wo | cpu:sse
  rsqrtss | F3 0F 52 | Vo,Wd | cpu:sse
  rcpps | NP 0F 53 | Vo,Wo | cpu:sse
  rcpss | F3 0F 53 | Vo,Wd | cpu:sse
  andps | NP 0F 54 | Vo,Wo | cpu:sse h:opPand
  andpd | 66 0F 54 | Vo,Wo | h:opPand
  andnps | NP 0F 55 | Vo,Wo | cpu:sse h:opPandn
  andnpd | 66 0F 55 | Vo,Wo | h:opPandn
  orps | NP 0F 56 | Vo,Wo | cpu:sse h:opPor
  orpd | 66 0F 56 | Vo,Wo | h:opPor
  xorps | NP 0F 57 | Vo,Wo | cpu:sse h:opPxor
  xorpd | 66 0F 57 | Vo,Wo | h:opPxor
  haddps | F2 0F 7C | Vo,Wo | cpu:sse3
  haddpd | 66 0F 7C | Vo,Wo | cpu:sse3
  hsubps | F2 0F 7D | Vo,Wo | cpu:sse3
  hsubpd | 66 0F 7D | Vo,Wo | cpu:sse3
  addsubps | F2 0F D0 | Vo,Wo | cpu:sse3
  addsubpd | 66 0F D0 | Vo,Wo | cpu:sse3
  cmpps | NP 0F C2 | Vo,Wo,Ib | cpu:sse
  cmppd | 66 0F C2 | Vo,Wo,Ib |
  cmpss | F3 0F C2 | Vo,Wd,Ib | cpu:sse
  cmpsd | F2 0F C2 | Vo,Wq,Ib | h:opCmpsdXmm
  ucomiss | NP 0F 2E | Vo,Wd | cpu:sse W:oszapc
  ucomisd | 66 0F 2E | Vo,Wq | W:oszapc
  comiss | NP 0F 2F | Vo,Wd | cpu:sse W:oszapc
  comisd | 66 0F 2F | Vo,Wq | W:oszapc
  # conversions
  cvtsi2ss | F3 0F 2A | Vo,Ey | cpu:sse
  cvtsi2sd | F2 0F 2A | Vo,Ey |
  cvttss2si | F3 0F 2C | Gy,Wd | cpu:sse
  cvttsd2si | F2 0F 2C | Gy,Wq |
  cvtss2si | F3 0F 2D | Gy,Wd | cpu:sse
  cvtsd2si | F2 0F 2D | Gy,Wq |
  cvtps2pd | NP 0F 5A | Vo,Wq |
  cvtpd2ps | 66 0F 5A | Vo,Wo |
  cvtss2sd | F3 0F 5A | Vo,Wd |
  cvtsd2ss | F2 0F 5A | Vo,Wq |
  cvtdq2ps | NP 0F 5B | Vo,Wo |
  cvtps2dq | 66 0F 5B | Vo,Wo |
  cvttps2dq | F3 0F 5B | Vo,Wo |
  cvttpd2dq | 66 0F E6 | Vo,Wo |
  cvtdq2pd | F3 0F E6 | Vo,Wq |
  cvtpd2dq | F2 0F E6 | Vo,Wo |
  # shuffles
  pshufd | 66 0F 70 | Vo,Wo,Ib |
  pshufhw | F3 0F 70 | Vo,Wo,Ib |
  pshuflw | F2 0F 70 | Vo,Wo,Ib |
  shufps | NP 0F C6 | Vo,Wo,Ib | cpu:sse
  shufpd | 66 0F C6 | Vo,Wo,Ib |
  pinsrw | 66 0F C4 | Vo,Ew,Ib |
  pextrw | 66 0F C5 reg | Gd,Uo,Ib |
`;
