import fc from 'fast-check';
import { expect, test } from 'vitest';
import { nameOfService, parseService, portOfService, serviceOfPort } from './hv-socket.ts';

test('a port has the service that Linux gives it', () => {
  expect(serviceOfPort(0x2ee)).toBe('000002ee-facb-11e6-bd58-64006a7986d3');
});

test('every port comes back from its service, and from its name', () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 0xffff_fffe }), (port) => {
      expect(portOfService(serviceOfPort(port).toUpperCase())).toBe(port);
      expect(parseService(nameOfService(serviceOfPort(port)))).toBe(serviceOfPort(port));
    }),
  );
});

test('a service that is no port is named by its GUID', () => {
  const service = '3e3c9d1a-6c0f-4b57-9f0a-0f2f4d6a8b10';
  expect(portOfService(service)).toBeUndefined();
  expect(nameOfService(service)).toBe(service);
  expect(parseService(service.toUpperCase())).toBe(service);
});

test.each(['', '-1', '1.5', '4294967295', '99999999999', 'ffffffff', 'port', '3e3c9d1a-6c0f-4b57-9f0a'])(
  '%j is neither a port nor a service',
  (text) => expect(parseService(text)).toBeUndefined(),
);
