import { Decoder, DecoderOptions, Formatter, FormatterSyntax, Instruction, MemorySizeOptions } from 'iced-x86';
import { expect, test } from 'vitest';
import { encode } from '../../fuzz/generate.ts';
import { type Bits, PLACES } from '../../fuzz/place.ts';
import { Random } from '../../fuzz/random.ts';
import { disassemble, format } from './disassemble.ts';
import { ROWS, type Row } from './table.ts';

/** Other names of the same, or no instruction at one of the two. */
const OTHERWISE = /^(nop|prefetch|xchg|loop)/;

function iced(): Formatter {
  const formatter = new Formatter(FormatterSyntax.Intel);
  formatter.usePseudoOps = false;
  formatter.hexPrefix = '0x';
  formatter.hexSuffix = '';
  formatter.uppercaseHex = false;
  formatter.spaceAfterOperandSeparator = true;
  formatter.smallHexNumbersInDecimal = false;
  formatter.branchLeadingZeros = false;
  formatter.addLeadingZeroToHexNumbers = false;
  formatter.ripRelativeAddresses = true;
  formatter.memorySizeOptions = MemorySizeOptions.Always;
  formatter.showBranchSize = false;
  formatter.signedMemoryDisplacements = true;
  return formatter;
}

/** Takes away what either may write or not: prefixes without a meaning, operands that are always the same. */
function plain(text: string, { section }: Row): string {
  let bare = text
    .replace(/^((data|addr)(16|32|64)|[c-gs]s|hint-(not-)?taken|notrack|bnd) /g, '')
    .replace(/\b[ds]s:/, '');
  if (section === 'x87') {
    bare = bare
      .replace(/\bst\(0\)/g, 'st')
      .replace(/^(\S+) st, /, '$1 ')
      .replace(/,? st$/, '')
      .replace('fstpnce', 'fstp');
  }
  if (/^(rep |repn?e )?(ins|outs|movs|cmps|stos|lods|scas)[bwdq]?( |$)/.test(bare) && !section.startsWith('sse'))
    bare = bare.replace(/ ([bdq]?word|byte|[re]?ax|al|dx)\b.*$/, '');
  return bare
    .replace(/^p?blendv(\w+) .*/, 'blendv$1')
    .replace(/^xlat byte.*/, 'xlatb')
    .replace(/^fwait/, 'wait')
    .replace(/^ret far/, 'retf')
    .replace(/^(jmp|call) far /, '$1 ')
    .replace(/^(jmp|call) (0x\w+), (0x\w+)$/, '$1 $3:$2')
    .replace(/, 0x1$/, ', 1');
}

test.each<Bits>([64, 32, 16])('every form of %i-bit code is written as iced writes it', (bits) => {
  const formatter = iced();
  const rows = ROWS.filter((row) => !row.attributes.has(bits === 64 ? 'i64' : 'o64') && !OTHERWISE.test(row.mnemonic));
  const random = new Random(bits);
  const wrong: string[] = [];

  for (const row of rows) {
    for (let i = 0; i < 40; i++) {
      const code = new Uint8Array(24).fill(0x90);
      code.set(encode(row, random, PLACES[bits]).bytes);
      const decoder = new Decoder(bits, code, DecoderOptions.None);
      decoder.ip = 0n;
      const instruction = new Instruction();
      decoder.decodeOut(instruction);
      const ours = disassemble(code, bits);
      const [own, other] = [plain(format(ours), row), plain(formatter.format(instruction), row)];
      // Control and debug registers that do not exist, and operand sizes that one of the two vendors ignores.
      const open = instruction.isInvalid || /^movsxd (\w+w|[a-z]{2}),/.test(own);
      if (!open && (own !== other || ours.length !== instruction.length))
        wrong.push(`${Buffer.from(code.subarray(0, instruction.length)).toString('hex')}: ${own} | ${other}`);
      instruction.free();
      decoder.free();
    }
  }
  formatter.free();

  expect(wrong).toEqual([]);
});
