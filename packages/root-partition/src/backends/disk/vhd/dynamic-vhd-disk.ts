/**
 * DynamicVhdDisk: a VHD whose blocks exist once they are written.
 *
 * The format has no log. What keeps a file whole through a crash is order: a new block's data and bitmap are durable
 * before the block table names it, and the footer at the end, which a growing file overwrites, has its copy at the start.
 *
 *   commit    footer behind the new end, bitmaps ─▶ sync (data too) ─▶ table sectors ─▶ sync
 *
 * Sector bitmaps of a dynamic disk say nothing that its data does not: a sector never written is zeroes in its block. So
 * they are not read, and set whole for each block that is written to.
 */
import { DiskOperation, DiskStatus } from '../disk.ts';
import type { BlockFile } from '../executor/block-file.ts';
import { inOrder, type Step } from '../in-order.ts';
import { MappedDisk } from '../mapped/mapped-disk.ts';
import { singleRun } from '../runs.ts';
import { encodeFooter, NO_BLOCK, VHD_SECTOR } from './layout.ts';
import type { DynamicVhd } from './open-vhd.ts';

const ENTRIES_PER_SECTOR = VHD_SECTOR / 4;

/** A dynamic VHD in use. */
export class DynamicVhdDisk extends MappedDisk {
  readonly #vhd: DynamicVhd;
  readonly #table: Uint32Array;
  readonly #footer: Uint8Array;
  /** Bytes of a bitmap and its block. */
  readonly #blockLength: number;
  /** Where the next block goes. */
  #end: number;
  /** Where the footer is in the file; -1 when it is not. */
  #footerAt: number;
  /** Blocks whose bitmap is known to be set. */
  readonly #marked: Uint8Array;
  #unmarked: number[] = [];
  #dirtyTable = new Set<number>();

  constructor(vhd: DynamicVhd, file: BlockFile, options: { readOnly: boolean; released?: () => void }) {
    super(
      {
        kind: 'vhd',
        sectorSize: VHD_SECTOR,
        physicalSectorSize: VHD_SECTOR,
        sectorCount: vhd.sectorCount,
        readOnly: options.readOnly,
        id: vhd.footer.id,
      },
      file,
      undefined,
      options.released,
    );
    this.#vhd = vhd;
    this.#table = vhd.table;
    this.#footer = encodeFooter(vhd.footer);
    this.#blockLength = (vhd.bitmapSectors + vhd.sectorsPerBlock) * VHD_SECTOR;
    this.#end = vhd.end;
    this.#footerAt = vhd.trailingFooter ? vhd.end : -1;
    this.#marked = new Uint8Array(vhd.table.length);
    file.zeroesTo = vhd.end;
  }

  locate(operation: number, sector: number, count: number): void {
    const { sectorsPerBlock, bitmapSectors } = this.#vhd;
    const block = Math.floor(sector / sectorsPerBlock);
    const within = sector - block * sectorsPerBlock;
    const most = Math.min(count, sectorsPerBlock - within);
    let start = this.#table[block]!;
    if (operation === DiskOperation.Unmap) return this.place.done(most);
    if (start === NO_BLOCK) {
      if (operation === DiskOperation.Read) return this.place.zero(most);
      if (operation === DiskOperation.WriteZeroes) return this.place.done(most);
      start = this.#allocate(block);
    }
    if (operation !== DiskOperation.Read && this.#marked[block] === 0) {
      this.#marked[block] = 1;
      this.#unmarked.push(block);
    }
    this.place.here((start + bitmapSectors + within) * VHD_SECTOR, most);
  }

  override inspect(): Record<string, unknown> {
    const allocated = this.#table.reduce((count, start) => count + (start === NO_BLOCK ? 0 : 1), 0);
    return { ...super.inspect(), blocks: this.#table.length, allocated, dirtyTableSectors: this.#dirtyTable.size };
  }

  protected override commit(done: (status: number) => void): void {
    const bitmaps = this.#unmarked;
    const table = this.#dirtyTable;
    const moved = this.#footerAt !== this.#end && (table.size > 0 || bitmaps.length > 0);
    this.#unmarked = [];
    this.#dirtyTable = new Set();
    // Contents as they are now: what is allocated from here on belongs to the next commit.
    const sectors = [...table].map((sector) => [sector, this.#tableSector(sector)] as const);
    const end = this.#end;
    const steps: Step[] = [];
    if (moved) steps.push(this.#write(this.#footer, end));
    const ones = new Uint8Array(this.#vhd.bitmapSectors * VHD_SECTOR).fill(0xff);
    for (const block of bitmaps) steps.push(this.#write(ones, this.#table[block]! * VHD_SECTOR));
    steps.push((next) => this.file.sync({ complete: next }));
    for (const [sector, data] of sectors) steps.push(this.#write(data, this.#vhd.tableOffset + sector * VHD_SECTOR));
    if (sectors.length > 0) steps.push((next) => this.file.sync({ complete: next }));
    inOrder(steps, (status) => {
      if (status === DiskStatus.Ok) {
        if (moved) this.#footerAt = end;
      } else {
        this.#unmarked.push(...bitmaps);
        for (const sector of table) this.#dirtyTable.add(sector);
      }
      done(status);
    });
  }

  /** Gives the block the space where the footer is; that moves with the next commit. */
  #allocate(block: number): number {
    const start = this.#end / VHD_SECTOR;
    this.#table[block] = start;
    this.#end += this.#blockLength;
    this.file.zeroesTo = this.#end;
    this.#dirtyTable.add(Math.floor(block / ENTRIES_PER_SECTOR));
    return start;
  }

  #tableSector(sector: number): Uint8Array {
    const data = new Uint8Array(VHD_SECTOR).fill(0xff);
    const view = new DataView(data.buffer);
    const first = sector * ENTRIES_PER_SECTOR;
    for (let i = 0; i < ENTRIES_PER_SECTOR && first + i < this.#table.length; i++) {
      view.setUint32(i * 4, this.#table[first + i]!);
    }
    return data;
  }

  #write(data: Uint8Array, position: number): Step {
    return (next) => this.file.write(singleRun(data), 0, data.length, position, { complete: next });
  }
}
