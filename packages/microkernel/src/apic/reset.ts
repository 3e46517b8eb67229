/** What a local APIC is after power-up and after INIT (Intel SDM volume 3, "Local APIC State After Power-Up Reset"). */
import { VpWord } from '../state/layout.ts';
import { ApicAt, BASE_PAGE_RESET, FORMAT_RESET, LOCAL_COUNT, LOCAL_MASKED, Mode, SPURIOUS_RESET } from './layout.ts';
import { initialStartup } from './startup.ts';
import { stopTimer } from './timer.ts';

/** The mode in which a VP's APIC starts its life. */
export type ApicMode = 'xapic' | 'x2apic';

/** Gives a VP that is created an APIC. */
export function createApic(words: Int32Array, vpRecord: number, index: number, mode: ApicMode): void {
  const created = mode === 'x2apic' ? Mode.CreatedX2 : 0;
  const bootstrap = index === 0 ? Mode.Bootstrap : 0;
  words[vpRecord + VpWord.Apic + ApicAt.Mode] = Mode.Present | created | bootstrap;
  powerUp(words, vpRecord);
}

/** Puts a VP's APIC, if it has one, into the state it was created in. */
export function powerUp(words: Int32Array, vpRecord: number): void {
  const apic = vpRecord + VpWord.Apic;
  const created = words[apic + ApicAt.Mode]! & (Mode.Present | Mode.CreatedX2 | Mode.Bootstrap);
  if (created === 0) return;
  resetRegisters(words, vpRecord);
  words[apic + ApicAt.BasePage] = BASE_PAGE_RESET;
  const x2 = (created & Mode.CreatedX2) === 0 ? 0 : Mode.X2;
  Atomics.store(words, apic + ApicAt.Mode, created | Mode.Enabled | x2);
  Atomics.store(words, apic + ApicAt.Startup, initialStartup((created & Mode.Bootstrap) !== 0));
}

/** Resets all registers but IA32_APIC_BASE, as INIT does. What was pending is forgotten, an NMI too. */
export function resetRegisters(words: Int32Array, vpRecord: number): void {
  const apic = vpRecord + VpWord.Apic;
  Atomics.and(words, apic + ApicAt.Mode, ~Mode.SoftwareEnabled);
  Atomics.store(words, apic + ApicAt.Events, 0);
  Atomics.store(words, vpRecord + VpWord.Tpr, 0);
  for (let word = 0; word < 8; word++) {
    Atomics.store(words, vpRecord + VpWord.Pending + word, 0);
    words[apic + ApicAt.InService + word] = 0;
    Atomics.store(words, apic + ApicAt.TriggerMode + word, 0);
  }
  Atomics.store(words, apic + ApicAt.LogicalDestination, 0);
  Atomics.store(words, apic + ApicAt.DestinationFormat, FORMAT_RESET);
  words[apic + ApicAt.SpuriousVector] = SPURIOUS_RESET;
  words[apic + ApicAt.ErrorStatus] = 0;
  words[apic + ApicAt.NewErrors] = 0;
  words[apic + ApicAt.CommandLow] = 0;
  words[apic + ApicAt.CommandHigh] = 0;
  words.fill(LOCAL_MASKED, apic + ApicAt.LocalVectors, apic + ApicAt.LocalVectors + LOCAL_COUNT);
  words[apic + ApicAt.InitialCount] = 0;
  words[apic + ApicAt.Divide] = 0;
  stopTimer(words, apic);
}
