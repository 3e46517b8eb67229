/** x87. The register forms of one modrm.reg share a handler; ST(i) is modrm.rm. Columns: see `table.ts`. */

/** The text of the section. */
export const x87Rows = `
  ${['fadd', 'fmul', 'fcom', 'fcomp', 'fsub', 'fsubr', 'fdiv', 'fdivr']
    .map(
      (name, n) => `
  ${name} | D8 /${n} mem | Md | h:${handler(name)}Single
  ${name} | D8 /${n} reg | ST0,STi | h:${handler(name)}
  ${name} | DC /${n} mem | Mq | h:${handler(name)}Double
  ${name.replace('f', 'fi')} | DA /${n} mem | Md | h:${handler(name)}Int32
  ${name.replace('f', 'fi')} | DE /${n} mem | Mw | h:${handler(name)}Int16`,
    )
    .join('\n')}
  fadd | DC /0 reg | STi,ST0 | h:opFaddTo
  fmul | DC /1 reg | STi,ST0 | h:opFmulTo
  fcom | DC /2 reg | STi | h:opFcom
  fcomp | DC /3 reg | STi | h:opFcomp
  fsubr | DC /4 reg | STi,ST0 | h:opFsubrTo
  fsub | DC /5 reg | STi,ST0 | h:opFsubTo
  fdivr | DC /6 reg | STi,ST0 | h:opFdivrTo
  fdiv | DC /7 reg | STi,ST0 | h:opFdivTo
  faddp | DE /0 reg | STi,ST0 |
  fmulp | DE /1 reg | STi,ST0 |
  fcomp | DE /2 reg | STi | h:opFcomp
  fcompp | DE /3 reg rm=1 | |
  fsubrp | DE /4 reg | STi,ST0 |
  fsubp | DE /5 reg | STi,ST0 |
  fdivrp | DE /6 reg | STi,ST0 |
  fdivp | DE /7 reg | STi,ST0 |
  fld | D9 /0 mem | Md | h:opFldSingle
  fst | D9 /2 mem | Md | h:opFstSingle
  fstp | D9 /3 mem | Md | h:opFstpSingle
  fldenv | D9 /4 mem | M |
  fldcw | D9 /5 mem | Mw |
  fnstenv | D9 /6 mem | M |
  fnstcw | D9 /7 mem | Mw |
  fld | D9 /0 reg | STi | h:opFld
  fxch | D9 /1 reg | STi |
  fnop | D9 /2 reg rm=0 | |
  fstp | D9 /3 reg | STi | h:opFstpUnchecked
  fchs | D9 /4 reg rm=0 | |
  fabs | D9 /4 reg rm=1 | |
  ftst | D9 /4 reg rm=4 | |
  fxam | D9 /4 reg rm=5 | |
  fld1 | D9 /5 reg rm=0 | | h:opFldConstant
  fldl2t | D9 /5 reg rm=1 | | h:opFldConstant
  fldl2e | D9 /5 reg rm=2 | | h:opFldConstant
  fldpi | D9 /5 reg rm=3 | | h:opFldConstant
  fldlg2 | D9 /5 reg rm=4 | | h:opFldConstant
  fldln2 | D9 /5 reg rm=5 | | h:opFldConstant
  fldz | D9 /5 reg rm=6 | | h:opFldConstant
  f2xm1 | D9 /6 reg rm=0 | |
  fyl2x | D9 /6 reg rm=1 | |
  fptan | D9 /6 reg rm=2 | |
  fpatan | D9 /6 reg rm=3 | |
  fxtract | D9 /6 reg rm=4 | |
  fprem1 | D9 /6 reg rm=5 | |
  fdecstp | D9 /6 reg rm=6 | |
  fincstp | D9 /6 reg rm=7 | |
  fprem | D9 /7 reg rm=0 | |
  fyl2xp1 | D9 /7 reg rm=1 | |
  fsqrt | D9 /7 reg rm=2 | |
  fsincos | D9 /7 reg rm=3 | |
  frndint | D9 /7 reg rm=4 | |
  fscale | D9 /7 reg rm=5 | |
  fsin | D9 /7 reg rm=6 | |
  fcos | D9 /7 reg rm=7 | |
  fcmovb | DA /0 reg | ST0,STi | R:c
  fcmove | DA /1 reg | ST0,STi | R:z
  fcmovbe | DA /2 reg | ST0,STi | R:cz
  fcmovu | DA /3 reg | ST0,STi | R:p
  fucompp | DA /5 reg rm=1 | |
  fild | DB /0 mem | Md | h:opFildInt32
  fisttp | DB /1 mem | Md | h:opFisttpInt32 cpu:sse3
  fist | DB /2 mem | Md | h:opFistInt32
  fistp | DB /3 mem | Md | h:opFistpInt32
  fld | DB /5 mem | Mt | h:opFldExtended
  fstp | DB /7 mem | Mt | h:opFstpExtended
  fcmovnb | DB /0 reg | ST0,STi | R:c
  fcmovne | DB /1 reg | ST0,STi | R:z
  fcmovnbe | DB /2 reg | ST0,STi | R:cz
  fcmovnu | DB /3 reg | ST0,STi | R:p
  fneni | DB /4 reg rm=0 | | h:opFneni
  fndisi | DB /4 reg rm=1 | | h:opFneni
  fnclex | DB /4 reg rm=2 | |
  fninit | DB /4 reg rm=3 | |
  fnsetpm | DB /4 reg rm=4 | | h:opFneni
  fucomi | DB /5 reg | ST0,STi | W:oszapc
  fcomi | DB /6 reg | ST0,STi | W:oszapc
  fld | DD /0 mem | Mq | h:opFldDouble
  fisttp | DD /1 mem | Mq | h:opFisttpInt64 cpu:sse3
  fst | DD /2 mem | Mq | h:opFstDouble
  fstp | DD /3 mem | Mq | h:opFstpDouble
  frstor | DD /4 mem | M |
  fnsave | DD /6 mem | M |
  fnstsw | DD /7 mem | Mw |
  ffree | DD /0 reg | STi |
  fst | DD /2 reg | STi | h:opFst
  fstp | DD /3 reg | STi | h:opFstp
  fucom | DD /4 reg | STi |
  fucomp | DD /5 reg | STi |
  fild | DF /0 mem | Mw | h:opFildInt16
  fisttp | DF /1 mem | Mw | h:opFisttpInt16 cpu:sse3
  fist | DF /2 mem | Mw | h:opFistInt16
  fistp | DF /3 mem | Mw | h:opFistpInt16
  fbld | DF /4 mem | Mt |
  fild | DF /5 mem | Mq | h:opFildInt64
  fbstp | DF /6 mem | Mt |
  fistp | DF /7 mem | Mq | h:opFistpInt64
  fnstsw | DF /4 reg rm=0 | AX | h:opFnstswAx
  fxch | DF /1 reg | STi | h:opFxch
  fstp | DF /2 reg | STi | h:opFstp
  fstp | DF /3 reg | STi | h:opFstp
  fxch | DD /1 reg | STi | h:opFxch
  fucomip | DF /5 reg | ST0,STi | W:oszapc
  fcomip | DF /6 reg | ST0,STi | W:oszapc
  ffreep | DF /0 reg | STi |
  wait | 9B | | h:opFwait
`;

function handler(name: string): string {
  return `op${name[0]!.toUpperCase()}${name.slice(1)}`;
}
