/** System instructions: what needs privilege, or leaves the processor. Columns: see `table.ts`. */

/** The text of the section. */
export const systemRows = `
  # ports
  in | E4 | AL,Ib | h:opInImmediate nofuzz
  in | E5 | AX,Ib | h:opInImmediate nofuzz
  in | EC | AL,DX | nofuzz
  in | ED | AX,DX | nofuzz
  out | E6 | Ib,AL | h:opOutImmediate nofuzz
  out | E7 | Ib,AX | h:opOutImmediate nofuzz
  out | EE | DX,AL | nofuzz
  out | EF | DX,AX | nofuzz
  insb | 6C | | rep h:opIns str:b nofuzz
  ins | 6D | | rep h:opIns nofuzz
  outsb | 6E | | rep h:opOuts str:b nofuzz
  outs | 6F | | rep h:opOuts nofuzz
  # the processor
  hlt | F4 | | cpl0 nofuzz
  cli | FA | | W:i nofuzz
  sti | FB | | W:i nofuzz
  cpuid | 0F A2 | | nofuzz
  rdtsc | 0F 31 | | nofuzz
  rdtscp | 0F 01 /7 reg rm=1 | | cpu:rdtscp nofuzz
  rdpmc | 0F 33 | | nofuzz
  rdmsr | 0F 32 | | cpl0 nofuzz
  wrmsr | 0F 30 | | cpl0 nofuzz
  wbinvd | 0F 09 | | cpl0 nofuzz
  invd | 0F 08 | | cpl0 nofuzz
  clts | 0F 06 | | cpl0 nofuzz
  rdfsbase | F3 0F AE /0 reg | Ey | o64 cpu:fsgsbase nofuzz
  rdgsbase | F3 0F AE /1 reg | Ey | o64 cpu:fsgsbase nofuzz
  wrfsbase | F3 0F AE /2 reg | Ey | o64 cpu:fsgsbase nofuzz
  wrgsbase | F3 0F AE /3 reg | Ey | o64 cpu:fsgsbase nofuzz
  swapgs | 0F 01 /7 reg rm=0 | | o64 cpl0 nofuzz
  vmcall | 0F 01 /0 reg rm=1 | | h:opVmcall nofuzz
  vmmcall | 0F 01 /3 reg rm=1 | | h:opVmcall nofuzz
  invlpg | 0F 01 /7 mem | M | cpl0 nofuzz
  invpcid | 66 0F38 82 mem | Gq,Mo | cpl0 cpu:invpcid nofuzz
  clac | NP 0F 01 /1 reg rm=2 | | cpl0 cpu:smap nofuzz
  stac | NP 0F 01 /1 reg rm=3 | | cpl0 cpu:smap nofuzz
  mov | 0F 20 | Rd,Cd | cpl0 h:opMovFromControl nofuzz
  mov | 0F 22 | Cd,Rd | cpl0 h:opMovToControl nofuzz
  mov | 0F 21 | Rd,Dd | cpl0 h:opMovFromDebug nofuzz
  mov | 0F 23 | Dd,Rd | cpl0 h:opMovToDebug nofuzz
  smsw | 0F 01 /4 | Ev | h:opSmsw nofuzz
  lmsw | 0F 01 /6 | Ew | cpl0 h:opLmsw nofuzz
  clflush | NP 0F AE /7 mem | Mb | cpu:clfsh
  # descriptor tables
  sgdt | 0F 01 /0 mem | Ms | nofuzz
  sidt | 0F 01 /1 mem | Ms | nofuzz
  lgdt | 0F 01 /2 mem | Ms | cpl0 nofuzz
  lidt | 0F 01 /3 mem | Ms | cpl0 nofuzz
  sldt | 0F 00 /0 | Ev | nofuzz
  str | 0F 00 /1 | Ev | nofuzz
  lldt | 0F 00 /2 | Ew | cpl0 nofuzz
  ltr | 0F 00 /3 | Ew | cpl0 nofuzz
  verr | 0F 00 /4 | Ew | W:z nofuzz
  verw | 0F 00 /5 | Ew | W:z nofuzz
  lar | 0F 02 | Gv,Ew | W:z nofuzz
  lsl | 0F 03 | Gv,Ew | W:z nofuzz
  arpl | 63 | Ew,Gw | i64 W:z
  # segments and far transfers
  mov | 8C | Ev,Sw | h:opMovFromSegment nofuzz
  mov | 8E | Sw,Ew | h:opMovToSegment nofuzz
  push | 06 | ES | i64 h:opPushEs nofuzz
  push | 0E | CS | i64 h:opPushCs nofuzz
  push | 16 | SS | i64 h:opPushSs nofuzz
  push | 1E | DS | i64 h:opPushDs nofuzz
  push | 0F A0 | FS | d64 h:opPushFs nofuzz
  push | 0F A8 | GS | d64 h:opPushGs nofuzz
  pop | 07 | ES | i64 h:opPopEs nofuzz
  pop | 17 | SS | i64 h:opPopSs nofuzz
  pop | 1F | DS | i64 h:opPopDs nofuzz
  pop | 0F A1 | FS | d64 h:opPopFs nofuzz
  pop | 0F A9 | GS | d64 h:opPopGs nofuzz
  les | C4 mem | Gv,Mp | i64 nofuzz
  lds | C5 mem | Gv,Mp | i64 nofuzz
  lss | 0F B2 mem | Gv,Mp | nofuzz
  lfs | 0F B4 mem | Gv,Mp | nofuzz
  lgs | 0F B5 mem | Gv,Mp | nofuzz
  call | 9A | Ap | i64 h:opCallFar nofuzz
  jmp | EA | Ap | i64 h:opJmpFar nofuzz
  call | FF /3 mem | Mp | h:opCallFarMemory nofuzz
  jmp | FF /5 mem | Mp | h:opJmpFarMemory nofuzz
  retf | CB | | h:opRetFar nofuzz
  retf | CA | Iw | h:opRetFar nofuzz
  iret | CF | | nofuzz
  syscall | 0F 05 | | nofuzz
  sysret | 0F 07 | | cpl0 nofuzz
  sysenter | 0F 34 | | nofuzz
  sysexit | 0F 35 | | cpl0 nofuzz
  int1 | F1 | | h:opIcebp nofuzz
  # state of the vector and floating-point units
  fxsave | NP 0F AE /0 mem | M | cpu:fxsr
  fxrstor | NP 0F AE /1 mem | M | cpu:fxsr
  ldmxcsr | NP 0F AE /2 mem | Md | cpu:sse
  stmxcsr | NP 0F AE /3 mem | Md | cpu:sse
  lfence | NP 0F AE /5 reg | | h:opFence cpu:sse2
  mfence | NP 0F AE /6 reg | | h:opFence cpu:sse2
  sfence | NP 0F AE /7 reg | | h:opFence cpu:sse
`;
