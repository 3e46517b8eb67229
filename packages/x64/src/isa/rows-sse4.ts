/** SSSE3 on XMM registers, SSE4.1, SSE4.2, CMPXCHG16B. Columns: see `table.ts`. */
import { SSSE3 } from './rows-mmx.ts';

const EXTENDING: readonly (readonly [string, string, string])[] = [
  ['bw', '0', 'q'],
  ['bd', '1', 'd'],
  ['bq', '2', 'w'],
  ['wd', '3', 'q'],
  ['wq', '4', 'd'],
  ['dq', '5', 'q'],
];

const SIMPLE: readonly (readonly [string, string])[] = [
  ['ptest', '17'],
  ['pmuldq', '28'],
  ['pcmpeqq', '29'],
  ['packusdw', '2B'],
  ['pminsb', '38'],
  ['pminsd', '39'],
  ['pminuw', '3A'],
  ['pminud', '3B'],
  ['pmaxsb', '3C'],
  ['pmaxsd', '3D'],
  ['pmaxuw', '3E'],
  ['pmaxud', '3F'],
  ['pmulld', '40'],
  ['phminposuw', '41'],
];

/** The text of the section. */
export const sse4Rows = `
  ${SSSE3.map(([name, opcode]) => `${name} | 66 0F38 ${opcode} | Vo,Wo | cpu:ssse3`).join('\n')}
  palignr | 66 0F3A 0F | Vo,Wo,Ib | cpu:ssse3
  ${EXTENDING.flatMap(([name, low, size]) => [`pmovsx${name} | 66 0F38 2${low} | Vo,W${size} |`, `pmovzx${name} | 66 0F38 3${low} | Vo,W${size} |`]).join('\n')}
  ${SIMPLE.map(([name, opcode]) => `${name} | 66 0F38 ${opcode} | Vo,Wo | ${name === 'ptest' ? 'W:oszapc' : ''}`).join('\n')}
  pcmpgtq | 66 0F38 37 | Vo,Wo | cpu:sse4.2
  pblendvb | 66 0F38 10 | Vo,Wo,XMM0 |
  blendvps | 66 0F38 14 | Vo,Wo,XMM0 |
  blendvpd | 66 0F38 15 | Vo,Wo,XMM0 |
  movntdqa | 66 0F38 2A mem | Vo,Mo | h:opMovaps
  roundps | 66 0F3A 08 | Vo,Wo,Ib |
  roundpd | 66 0F3A 09 | Vo,Wo,Ib |
  roundss | 66 0F3A 0A | Vo,Wd,Ib |
  roundsd | 66 0F3A 0B | Vo,Wq,Ib |
  blendps | 66 0F3A 0C | Vo,Wo,Ib |
  blendpd | 66 0F3A 0D | Vo,Wo,Ib |
  pblendw | 66 0F3A 0E | Vo,Wo,Ib |
  pextrb | 66 0F3A 14 | Eb,Vo,Ib |
  pextrw | 66 0F3A 15 | Ew,Vo,Ib | h:opPextrwSse4
  pextrd | 66 0F3A 16 | Ey,Vo,Ib |
  extractps | 66 0F3A 17 | Ed,Vo,Ib |
  pinsrb | 66 0F3A 20 | Vo,Eb,Ib |
  insertps | 66 0F3A 21 | Vo,Wd,Ib |
  pinsrd | 66 0F3A 22 | Vo,Ey,Ib |
  dpps | 66 0F3A 40 | Vo,Wo,Ib |
  dppd | 66 0F3A 41 | Vo,Wo,Ib |
  mpsadbw | 66 0F3A 42 | Vo,Wo,Ib |
  pcmpestrm | 66 0F3A 60 | Vo,Wo,Ib | cpu:sse4.2 W:oszapc
  pcmpestri | 66 0F3A 61 | Vo,Wo,Ib | cpu:sse4.2 W:oszapc
  pcmpistrm | 66 0F3A 62 | Vo,Wo,Ib | cpu:sse4.2 W:oszapc
  pcmpistri | 66 0F3A 63 | Vo,Wo,Ib | cpu:sse4.2 W:oszapc
  crc32 | F2 0F38 F0 | Gy,Eb | cpu:sse4.2 h:opCrc32Byte
  crc32 | F2 0F38 F1 | Gy,Ev | cpu:sse4.2
`;
