import {
  decodeSynthetic,
  encodeSynthetic,
  mouseDescription,
  MouseMessage,
  MouseProtocolResponse,
  MouseReport,
} from '@ringlet/protocols';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { driverFixture } from '../channel-fixture.ts';
import { Mouse, type MouseState } from './mouse.ts';

function mouse() {
  const fixture = driverFixture((channel) => new Mouse(channel));
  const reports: MouseState[] = [];
  fixture.driver.reports$.subscribe((report) => reports.push(report));
  return { ...fixture, reports };
}

const response = (approved: number): Uint8Array =>
  encodeSynthetic(MouseMessage.ProtocolResponse, MouseProtocolResponse.encode({ version: 0x20000, approved }), 0);
const description = (change: (bytes: Uint8Array) => void = () => {}): Uint8Array => {
  const bytes = mouseDescription();
  change(bytes);
  return encodeSynthetic(MouseMessage.DeviceInfo, bytes, 0);
};

test('it asks for version 2.0, and acknowledges the description', async () => {
  const { driver, received, send } = mouse();
  expect(received().map(decodeSynthetic)).toEqual([{ type: 0, payload: Uint8Array.of(0, 0, 2, 0) }]);
  await send(response(1));
  expect(received()).toEqual([]);
  await send(description());
  expect(received().map((message) => decodeSynthetic(message)!.type)).toEqual([MouseMessage.DeviceInfoAck]);
  await expect(driver.ready).resolves.toBeUndefined();
});

test('a mouse that refuses, that goes away, or whose reports look otherwise, is an error that says why', async () => {
  const refused = mouse();
  await refused.send(response(0));
  await expect(refused.driver.ready).rejects.toMatchObject({ reason: 'refused' });
  const gone = mouse();
  gone.close();
  await expect(gone.driver.ready).rejects.toMatchObject({ reason: 'closed' });
  const other = mouse();
  await other.send(response(1));
  await other.send(description((bytes) => (bytes[bytes.length - 3] = 0x99)));
  await expect(other.driver.ready).rejects.toMatchObject({ reason: 'malformed' });
});

test('a mouse of another maker is as good', async () => {
  const { driver, send } = mouse();
  await send(response(1));
  await send(description((bytes) => (bytes[4] = 0x99)));
  await expect(driver.ready).resolves.toBeUndefined();
});

test('reports are parts of the way across the screen', async () => {
  const { send, reports } = mouse();
  const report = MouseReport.encode({ buttons: 5, x: 0x4000, y: 0x2000, wheel: -2 });
  await send(encodeSynthetic(MouseMessage.InputReport, report, 0));
  expect(reports).toEqual([{ buttons: 5, x: 0.5, y: 0.25, wheel: -2 }]);
});

test('nothing a host can send makes it throw', async () => {
  const message = fc.oneof(
    fc.uint8Array({ maxLength: 60 }),
    fc.tuple(fc.nat(6), fc.uint8Array({ maxLength: 60 })).map(([type, payload]) => encodeSynthetic(type, payload, 0)),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(message, { maxLength: 20 }), async (messages) => {
      const { driver, send, reports } = mouse();
      for (const each of messages) await send(each);
      expect(driver.malformed + reports.length).toBeLessThanOrEqual(messages.length);
    }),
  );
});
