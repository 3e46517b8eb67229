/** Integer instructions. Columns: see `table.ts`. Spec: SDM volume 2; flags as in SDM volume 1 appendix A. */

const ARITHMETIC = ['add', 'or', 'adc', 'sbb', 'and', 'sub', 'xor', 'cmp'] as const;
const SHIFTS = ['rol', 'ror', 'rcl', 'rcr', 'shl', 'shr', 'shl', 'sar'] as const;
const CONDITIONS = ['o', 'no', 'b', 'ae', 'e', 'ne', 'be', 'a', 's', 'ns', 'p', 'np', 'l', 'ge', 'le', 'g'] as const;
const CONDITION_FLAGS = [
  'o',
  'o',
  'c',
  'c',
  'z',
  'z',
  'cz',
  'cz',
  's',
  's',
  'p',
  'p',
  'so',
  'so',
  'szo',
  'szo',
] as const;

/** The text of the section; families of alike instructions are spelled out by loops. */
export function integerRows(): string {
  return [arithmetic(), shifts(), conditional(), REST].join('\n');
}

function arithmetic(): string {
  return ARITHMETIC.map((name, index) => {
    const flags = `${'and or xor'.includes(name) ? 'W:oszapc U:a' : 'W:oszapc'}${name === 'adc' || name === 'sbb' ? ' R:c' : ''}`;
    const common = `${flags} hot:${name}`;
    const lock = name === 'cmp' ? '' : 'lock';
    const opcode = (low: number): string => hex(index * 8 + low);
    return `
      ${name} | ${opcode(0)} | Eb,Gb | ${lock} ${common}
      ${name} | ${opcode(1)} | Ev,Gv | ${lock} ${common}
      ${name} | ${opcode(2)} | Gb,Eb | ${common}
      ${name} | ${opcode(3)} | Gv,Ev | ${common}
      ${name} | ${opcode(4)} | AL,Ib | ${common}
      ${name} | ${opcode(5)} | AX,Iz | ${common}
      ${name} | 80 /${index} | Eb,Ib | ${lock} ${common}
      ${name} | 81 /${index} | Ev,Iz | ${lock} ${common}
      ${name} | 82 /${index} | Eb,Ib | i64 ${lock} ${common}
      ${name} | 83 /${index} | Ev,Is | ${lock} ${common}`;
  }).join('\n');
}

function shifts(): string {
  return SHIFTS.map((name, index) => {
    const carry = name === 'rcl' || name === 'rcr' ? ' R:c' : '';
    const flags = (index < 4 ? 'W:oc U:o' : 'W:oszapc U:oac') + carry;
    const one = (index < 4 ? 'W:oc' : 'W:oszapc U:a') + carry;
    const hot = index < 4 && index > 1 ? '' : `hot:${name}`;
    return `
      ${name} | C0 /${index} | Eb,Ib | ${flags}
      ${name} | C1 /${index} | Ev,Ib | ${flags} ${hot}
      ${name} | D0 /${index} | Eb,1 | ${one}
      ${name} | D1 /${index} | Ev,1 | ${one} ${hot}
      ${name} | D2 /${index} | Eb,CL | ${flags}
      ${name} | D3 /${index} | Ev,CL | ${flags}`;
  }).join('\n');
}

function conditional(): string {
  return CONDITIONS.map((condition, index) => {
    const reads = `R:${CONDITION_FLAGS[index]}`;
    return `
      j${condition} | ${hex(0x70 + index)} | Jb | f64 ${reads} h:opJcc hot:jcc
      j${condition} | 0F ${hex(0x80 + index)} | Jz | f64 ${reads} h:opJcc hot:jcc
      set${condition} | 0F ${hex(0x90 + index)} | Eb | ${reads} h:opSetcc hot:setcc
      cmov${condition} | 0F ${hex(0x40 + index)} | Gv,Ev | ${reads} h:opCmovcc hot:cmov`;
  }).join('\n');
}

function hex(value: number): string {
  return value.toString(16).toUpperCase().padStart(2, '0');
}

const REST = `
  # moves
  mov | 88 | Eb,Gb | hot:mov
  mov | 89 | Ev,Gv | hot:mov
  mov | 8A | Gb,Eb | hot:mov
  mov | 8B | Gv,Ev | hot:mov
  mov | A0 | AL,Ob | h:opMov
  mov | A1 | AX,Ov | h:opMov
  mov | A2 | Ob,AL | h:opMov
  mov | A3 | Ov,AX | h:opMov
  mov | B0 +r | Zb,Ib | hot:mov
  mov | B8 +r | Zv,Iv | hot:mov
  mov | C6 /0 | Eb,Ib | hot:mov
  mov | C7 /0 | Ev,Iz | hot:mov
  movzx | 0F B6 | Gv,Eb | hot:movzx8
  movzx | 0F B7 | Gv,Ew | hot:movzx16 h:opMovzxWord
  movsx | 0F BE | Gv,Eb | hot:movsx8
  movsx | 0F BF | Gv,Ew | hot:movsx16 h:opMovsxWord
  movsxd | 63 | Gv,Ed | o64 hot:movsxd
  xchg | 86 | Eb,Gb | lock
  xchg | 87 | Ev,Gv | lock
  xchg | 90 +r | Zv,AX |
  nop | 90 | | norexb h:opNop hot:nop
  pause | F3 90 | | norexb
  lea | 8D mem | Gv,M | hot:lea
  bswap | 0F C8 +r | Zv |
  cbw | 98 | | h:opCbw hot:cbw
  cwd | 99 | | h:opCwd hot:cwd
  xlatb | D7 | | h:opXlat
  lahf | 9F | | R:szapc
  sahf | 9E | | W:szapc
  clc | F8 | | W:c
  stc | F9 | | W:c
  cmc | F5 | | W:c R:c
  cld | FC | | W:d
  std | FD | | W:d
  # arithmetic of one operand
  inc | FE /0 | Eb | lock W:oszap hot:inc
  inc | FF /0 | Ev | lock W:oszap hot:inc
  inc | 40 +r | Zv | i64 W:oszap
  dec | FE /1 | Eb | lock W:oszap hot:dec
  dec | FF /1 | Ev | lock W:oszap hot:dec
  dec | 48 +r | Zv | i64 W:oszap
  not | F6 /2 | Eb | lock
  not | F7 /2 | Ev | lock hot:not
  neg | F6 /3 | Eb | lock W:oszapc
  neg | F7 /3 | Ev | lock W:oszapc hot:neg
  mul | F6 /4 | Eb | W:oszapc U:szap
  mul | F7 /4 | Ev | W:oszapc U:szap
  imul | F6 /5 | Eb | W:oszapc U:szap
  imul | F7 /5 | Ev | W:oszapc U:szap
  div | F6 /6 | Eb | W:oszapc U:oszapc
  div | F7 /6 | Ev | W:oszapc U:oszapc
  idiv | F6 /7 | Eb | W:oszapc U:oszapc
  idiv | F7 /7 | Ev | W:oszapc U:oszapc
  imul | 0F AF | Gv,Ev | W:oszapc U:szap h:opImulTwo hot:imul
  imul | 69 | Gv,Ev,Iz | W:oszapc U:szap h:opImulThree hot:imul3
  imul | 6B | Gv,Ev,Is | W:oszapc U:szap h:opImulThree hot:imul3
  test | 84 | Eb,Gb | W:oszapc U:a hot:test
  test | 85 | Ev,Gv | W:oszapc U:a hot:test
  test | A8 | AL,Ib | W:oszapc U:a hot:test
  test | A9 | AX,Iz | W:oszapc U:a hot:test
  test | F6 /0 | Eb,Ib | W:oszapc U:a hot:test
  test | F6 /1 | Eb,Ib | W:oszapc U:a hot:test
  test | F7 /0 | Ev,Iz | W:oszapc U:a hot:test
  test | F7 /1 | Ev,Iz | W:oszapc U:a hot:test
  shld | 0F A4 | Ev,Gv,Ib | W:oszapc U:oszapc
  shld | 0F A5 | Ev,Gv,CL | W:oszapc U:oszapc h:opShldCl
  shrd | 0F AC | Ev,Gv,Ib | W:oszapc U:oszapc
  shrd | 0F AD | Ev,Gv,CL | W:oszapc U:oszapc h:opShrdCl
  # bits
  bt | 0F A3 | Ev,Gv | W:oszapc U:osap
  bt | 0F BA /4 | Ev,Ib | W:oszapc U:osap h:opBtImmediate
  bts | 0F AB | Ev,Gv | lock W:oszapc U:osap
  bts | 0F BA /5 | Ev,Ib | lock W:oszapc U:osap h:opBtsImmediate
  btr | 0F B3 | Ev,Gv | lock W:oszapc U:osap
  btr | 0F BA /6 | Ev,Ib | lock W:oszapc U:osap h:opBtrImmediate
  btc | 0F BB | Ev,Gv | lock W:oszapc U:osap
  btc | 0F BA /7 | Ev,Ib | lock W:oszapc U:osap h:opBtcImmediate
  bsf | 0F BC | Gv,Ev | W:oszapc U:osapc
  bsr | 0F BD | Gv,Ev | W:oszapc U:osapc
  popcnt | F3 0F B8 | Gv,Ev | W:oszapc cpu:popcnt
  # exchange and add
  xadd | 0F C0 | Eb,Gb | lock W:oszapc
  xadd | 0F C1 | Ev,Gv | lock W:oszapc
  cmpxchg | 0F B0 | Eb,Gb | lock W:oszapc
  cmpxchg | 0F B1 | Ev,Gv | lock W:oszapc
  cmpxchg8b | 0F C7 /1 mem | My | lock W:z cpu:cx8
  movnti | NP 0F C3 mem | My,Gy | h:opMov cpu:sse2
  # stack
  push | 50 +r | Zv | d64 hot:push
  push | 68 | Iz | d64 hot:push
  push | 6A | Is | d64 hot:push
  push | FF /6 | Ev | d64 h:opPushRm
  pop | 58 +r | Zv | d64 hot:pop
  pop | 8F /0 | Ev | d64 h:opPopRm
  pusha | 60 | | i64
  popa | 61 | | i64
  pushf | 9C | | d64 R:oszapc
  popf | 9D | | d64 W:oszapcd
  enter | C8 | Iw,Ib | d64
  leave | C9 | | d64 hot:leave
  # control
  jmp | EB | Jb | f64 h:opJmp hot:jmp
  jmp | E9 | Jz | f64 h:opJmp hot:jmp
  jmp | FF /4 | Ev | f64 h:opJmpRm hot:jmprm
  call | E8 | Jz | f64 hot:call
  call | FF /2 | Ev | f64 h:opCallRm hot:callrm
  ret | C3 | | f64 hot:ret
  ret | C2 | Iw | f64 h:opRet hot:ret
  loopne | E0 | Jb | f64 R:z
  loope | E1 | Jb | f64 R:z
  loop | E2 | Jb | f64
  jrcxz | E3 | Jb | f64 h:opJcxz
  ud2 | 0F 0B | |
  ud1 | 0F B9 | Gv,Ev | h:opUd2
  ud0 | 0F FF | Gv,Ev | h:opUd2
  int3 | CC | | h:opInt3
  int | CD | Ib | h:opInt
  into | CE | | i64 R:o h:opInto
  # strings
  movsb | A4 | | rep h:opMovs str:b
  movs | A5 | | rep h:opMovs
  cmpsb | A6 | | repe W:oszapc h:opCmps str:b
  cmps | A7 | | repe W:oszapc h:opCmps
  stosb | AA | | rep h:opStos str:b
  stos | AB | | rep h:opStos
  lodsb | AC | | rep h:opLods str:b
  lods | AD | | rep h:opLods
  scasb | AE | | repe W:oszapc h:opScas str:b
  scas | AF | | repe W:oszapc h:opScas
  # BCD
  daa | 27 | | i64 W:oszapc U:o R:ac
  das | 2F | | i64 W:oszapc U:o R:ac
  aaa | 37 | | i64 W:oszapc U:oszp R:a
  aas | 3F | | i64 W:oszapc U:oszp R:a
  aam | D4 | Ib | i64 W:oszapc U:oac
  aad | D5 | Ib | i64 W:oszapc U:oac
  bound | 62 mem | Gv,Mv | i64
  # hints
  prefetchw | 0F 0D mem | Mb | h:opNop
  prefetch | 0F 18 | Ev | h:opNop hint
  nop | 0F 19 | Ev | h:opNop hint
  nop | 0F 1A | Ev | h:opNop hint
  nop | 0F 1B | Ev | h:opNop hint
  nop | 0F 1C | Ev | h:opNop hint
  nop | 0F 1D | Ev | h:opNop hint
  nop | 0F 1E | Ev | h:opNop hint
  nop | 0F 1F | Ev | h:opNop hint hot:nop
`;
