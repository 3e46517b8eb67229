/** A machine's screen in real viewers: Chromium with the page, and vncsnapshot. */
import { execFile, execFileSync } from 'node:child_process';
import { createCipheriv } from 'node:crypto';
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { type Browser, chromium } from 'playwright-core';
import { expect, onTestFinished, test } from 'vitest';
import { needTool } from './exec-guest.ts';
import { painting } from './painting-machine.ts';

const [WIDTH, HEIGHT] = [800, 600];
const SIZE = { width: WIDTH, height: HEIGHT };
const MINUTE = 60_000;
const PATIENTLY = { timeout: MINUTE, interval: 100 };

test(
  'in a browser: the picture, the mouse and the keyboard',
  async (context) => {
    const executablePath = needTool(context, 'chromium');
    const { machine } = await painting(SIZE);
    const { url } = await machine.viewers.open();
    const browser: Browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
    onTestFinished(() => browser.close());
    const page = await browser.newPage({ viewport: { width: 1000, height: 800 } });
    const complaints: string[] = [];
    page.on('console', (message) => {
      if (message.type() === 'error') complaints.push(message.text());
    });
    page.on('pageerror', (error) => complaints.push(error.message));
    await page.goto(url);
    await page.getByRole('status').filter({ hasText: 'click into the screen' }).waitFor({ timeout: MINUTE });
    expect(await page.title()).toBe(machine.name);
    // As many pixels as the guest has.
    await page.getByRole('button', { name: 'Fit' }).click();

    const canvas = page.locator('#screen canvas').first();
    const seen = (x: number, y: number): Promise<string> =>
      canvas.evaluate(
        (element, at) => {
          const drawn = element as unknown as {
            getContext(kind: '2d'): { getImageData(x: number, y: number, w: number, h: number): { data: Uint8Array } };
          };
          return Array.from(drawn.getContext('2d').getImageData(at.x, at.y, 1, 1).data.slice(0, 3))
            .map((byte) => byte.toString(16).padStart(2, '0'))
            .join('');
        },
        { x, y },
      );
    await expect.poll(() => seen(400, 300), PATIENTLY).toBe('f8f4e8');
    const box = (await canvas.boundingBox())!;
    expect([box.width, box.height]).toEqual([WIDTH, HEIGHT]);
    await page.mouse.move(box.x + 100, box.y + 100);
    await page.mouse.down();
    await page.mouse.move(box.x + 300, box.y + 200, { steps: 4 });
    await page.mouse.up();
    await expect.poll(() => seen(200, 150), PATIENTLY).toBe('202020');

    await page.keyboard.press('c');
    await expect.poll(() => seen(200, 150), PATIENTLY).toBe('f8f4e8');
    await page.keyboard.press('Escape');
    await expect(machine.finished).resolves.toEqual({ reason: 'power-off', code: 0 });
    await page.getByRole('status').filter({ hasText: 'not connected' }).waitFor({ timeout: MINUTE });
    expect(complaints.filter((text) => !text.includes('WebSocket connection to'))).toEqual([]);
  },
  3 * MINUTE,
);

test(
  'in vncsnapshot: a picture, for who knows the password',
  async (context) => {
    const [vncsnapshot, jpegtopnm] = ['vncsnapshot', 'jpegtopnm'].map((tool) => needTool(context, tool));
    const { machine } = await painting(SIZE);
    const port = 5900 + 100 + (process.pid % 1000);
    const { vnc } = await machine.viewers.open({ vnc: String(port) });
    const folder = mkdtempSync(join(tmpdir(), 'ringlet-vnc-'));
    const [secret, picture] = [join(folder, 'secret'), join(folder, 'screen.jpg')];
    // A password file of VNC holds the password through DES with a key that every viewer knows.
    const known = Buffer.from([0xe8, 0x4a, 0xd6, 0x60, 0xc4, 0x72, 0x1a, 0xe0]);
    const des = createCipheriv('des-ede3', Buffer.concat([known, known, known]), null).setAutoPadding(false);
    writeFileSync(secret, Buffer.concat([des.update(Buffer.from(vnc!.password!)), des.final()]), { mode: 0o600 });
    // Not synchronously: the server is in this process.
    const words = ['-passwd', secret, '-quality', '100', `127.0.0.1:${port - 5900}`, picture];
    await promisify(execFile)(vncsnapshot!, words, { timeout: MINUTE });
    const image = execFileSync(jpegtopnm!, [picture], { stdio: ['ignore', 'pipe', 'ignore'], maxBuffer: 1 << 24 });
    const head = `P6\n${WIDTH} ${HEIGHT}\n255\n`;
    expect(image.subarray(0, head.length).toString()).toBe(head);
    expect(readFileSync(picture).length).toBeGreaterThan(1000);
    const { pixels } = await machine.display.screenshot();
    let worst = 0;
    for (let i = 0; i < WIDTH * HEIGHT; i++) {
      for (let colour = 0; colour < 3; colour++) {
        const difference = Math.abs(image[head.length + i * 3 + colour]! - pixels[i * 4 + colour]!);
        worst = Math.max(worst, difference);
      }
    }
    // What JPEG loses at its best, at edges between saturated colours.
    expect(worst).toBeLessThanOrEqual(48);
    await machine.dispose();
  },
  3 * MINUTE,
);
