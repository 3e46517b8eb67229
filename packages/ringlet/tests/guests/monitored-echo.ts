/** The echo of the examples, rung by the monitor page: what uio_hv_generic asks of a device. */
import Echo from '../../../../examples/echo.ts';

export default class MonitoredEcho extends Echo {
  override readonly offer = {
    name: 'monitored echo',
    interfaceId: '3e3c9d1a-6c0f-4b57-9f0a-0f2f4d6a8b10',
    instanceId: '5a0b7c44-9a0e-4d5e-8a52-6c1f0e9d2b01',
    // 1 ms, in units of 100 ns.
    monitorLatency: 10_000,
  };
}
