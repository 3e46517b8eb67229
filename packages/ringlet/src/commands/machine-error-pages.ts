/** Error codes of machines, their guests and their devices. */
import { type ErrorPage, page } from './error-page.ts';

/** Pages by code, in alphabetical order. */
export const MACHINE_ERROR_PAGES: Readonly<Record<string, ErrorPage>> = {
  'cpus-invalid': page(
    'a machine cannot have that many processors',
    'A partition has 1 to 64 virtual processors.',
    'Give a number from 1 to 64.',
  ),
  'device-flag-invalid': page(
    '--device cannot be read',
    'It is the path of a file, then any options of its device: FILE,name=value,name. A comma that belongs to one is doubled.',
    'ringlet device FILE lists the options that there are.',
  ),
  'device-invalid': page(
    'a device file does not give a VSP',
    'Its default export must be a class whose instances have an offer with GUIDs, and a packet method.',
    'Compare it with examples/echo.ts, or start with: ringlet new device NAME',
  ),
  'device-not-found': page(
    'there is no device file at that path',
    '--device and "devices:" take the path of a TypeScript or JavaScript file with a VSP as its default export.',
    'Check the path. ringlet new device NAME writes a device to start from.',
  ),
  'device-options-invalid': page(
    'a device was told what it does not understand',
    'Its class declares its options: their names, kinds and limits. All mistakes are listed.',
    'ringlet device FILE lists its options. In a machine file: ringlet schema --device FILE teaches them to your editor.',
  ),
  'device-protocol-none': page(
    'a device file names no protocol',
    'A header is made from the declared messages of a device, and this device does not say which they are.',
    'Declare them with protocol() of ringlet/device, and add to the class: readonly protocol = Protocol',
  ),
  'device-state-refused': page(
    "a device's new version cannot carry on from the old one",
    'What save() of the running version gave could not be taken by restore() of the new one. The running version stays.',
    'Let restore() take both forms, or start the machine anew.',
  ),
  'duplicate-device': page(
    'two devices of a machine have the same identifiers',
    'The guest tells devices apart by their instance GUID.',
    'Give each device its own instanceId, and name each device file once.',
  ),
  'guest-not-compiled': page(
    'the guest, or a device file, does not compile',
    'The file or something that it imports has a syntax error, or an import that leads nowhere.',
    'The message names the place. npx tsc --noEmit FILE shows more.',
  ),
  'key-value-too-long': page(
    'a key or value does not fit key-value exchange',
    'A key has 1 to 255 UTF-16 units, a text value at most 1023, a number is unsigned.',
    'Shorten it, or split it over several keys.',
  ),
  'machine-started': page(
    'the machine was started already',
    'A machine runs once: start() may be called once.',
    'Make a new Machine with the same options.',
  ),
  'machine-stopped': page(
    'the machine was turned off while it was starting',
    'powerOff() or dispose() was called before start() had finished, or a device file ended its thread.',
    'Wait for start() first; make a new Machine to try again.',
  ),
  'memory-fixed': page(
    'the memory of this machine cannot change in that way while it runs',
    "A guest module's memory is what it starts with. A kernel's can be set by hand; it follows what the guest reports when it was started with limits.",
    'Start it with limits: ringlet run debian --memory 512M,min=256M,max=1G',
  ),
  'memory-invalid': page(
    'a machine cannot have that much memory',
    'Memory is a multiple of 4096 bytes, from 1 MiB, and 16 KiB for each processor, to 4 GiB.',
    'Write a size such as 64M or 1G.',
  ),
  'memory-limits-invalid': page(
    'the memory of a machine cannot have these limits',
    'min is at least 32M and not more than what the machine starts with, max not less than that; only the memory of a kernel can change, and not in lockstep.',
    'Write them after the size: --memory 512M,min=256M,max=1G',
  ),
  'memory-target-invalid': page(
    'a running machine cannot have that much memory',
    'What it may have lies between the limits that it was started with; without limits, that is up to what it started with.',
    'ringlet memory NAME shows them.',
  ),
  'memory-too-large': page(
    'the partitions together need more memory than there is',
    'Guest memory comes from nodes of at most 4 GiB.',
    'Give the machines less, or run fewer at once.',
  ),
  'memory-unavailable': page(
    'the host has no memory left for the machine',
    'The process could not reserve as much address space.',
    'Give the machine less memory, or free some on the host.',
  ),
  'no-such-path': page(
    'there is nothing at that path of the machine',
    'Parts come and go with devices and channels.',
    'ringlet inspect NAME shows the whole tree.',
  ),
  'offer-mmio': page(
    'a device asks for more MMIO space than an offer can name',
    'The field is a number of MiB below 65536.',
    'Ask for less in the mmioMegabytes of its offer.',
  ),
  'offer-too-long': page(
    'a device has more user-defined bytes than an offer can carry',
    'An offer carries at most 120 bytes of its own, fewer for pipes.',
    'Shorten userDefined, or send the rest as a packet.',
  ),
  'pool-not-shared': page(
    'that machine cannot take its memory from a pool',
    'A pool is one node of memory for kernels on the x86-64 processor. A guest module has a node of its own, and a run in lockstep is alone.',
    'Leave out the pool.',
  ),
  'pool-size-invalid': page(
    'a pool of memory cannot have that size',
    'It is one node, of which some is needed for its own books.',
    'Give a multiple of 4096 bytes from 64M to 4000M.',
  ),
  'pool-too-small': page(
    'the pool has not the memory that a machine is to start with',
    'Other machines have it. Beside its memory a machine takes some 14 MiB, and 33 MiB for each processor.',
    'Let another machine give some away (ringlet memory NAME SIZE), start this one with less, or make the pool larger.',
  ),
  'reboot-ended': page(
    'the machine has ended instead of starting again',
    'Its guest was asked to restart, and powered off or crashed.',
    'Start it anew with ringlet run. Its console says what its guest did.',
  ),
  'reboot-late': page(
    'the guest was asked to restart and has not done so in time',
    'It may still be on its way, or it may wait for something.',
    'Look at it with ringlet console NAME; ringlet reboot NAME --force resets it without waiting.',
  ),
  'reset-loop': page(
    'the guest resets itself again and again',
    'It was reset more than 30 times within a minute: it does not come up. A triple fault is a reset, too.',
    'Look at what it prints; --on-reset stop ends the run at the first reset.',
  ),
  'reset-stuck': page(
    'the machine was reset and could not be started again',
    'A device still uses the memory of the guest: a request to a disk does not end, or a device never calls done.',
    'Turn the machine off and start it anew. In a device of your own, closed(channel, done) has to call done.',
  ),
  'restored-device-differs': page(
    'a device is not offered as it was when the state was saved',
    'A saved state fits the machine that it was saved from.',
    'Start the machine with the same devices, then restore.',
  ),
  'restored-machine-differs': page(
    'the machine is not the one whose state was saved',
    'Processors or memory that the saved bus refers to do not exist.',
    'Start the machine with the same options, then restore.',
  ),
  'share-invalid': page(
    'a machine cannot have that weight, cap or reserve',
    'Weight is 1 to 10000; cap is 1 to 100 and reserve 0 to 100 percent of each processor.',
    'Give numbers within these bounds.',
  ),
  'shutdown-closed': page(
    'the guest closed the shutdown component before it answered',
    'It unloaded the driver, or is restarting its bus.',
    'Try again, or turn it off: ringlet kill NAME',
  ),
  'shutdown-in-progress': page(
    'the guest has been asked to shut down already',
    'It has not finished yet.',
    'Wait, or turn it off: ringlet kill NAME',
  ),
  'shutdown-late': page(
    'the guest was asked to shut down and was not off in time',
    'It may still be on its way, or it may wait for something.',
    'Look again with ringlet ls; ringlet kill NAME turns it off without waiting.',
  ),
  'shutdown-not-ready': page(
    'the guest cannot be asked to shut down',
    'It has not opened the shutdown integration component, or has closed it again.',
    'Try again once it has booted, or turn it off: ringlet kill NAME',
  ),
  'shutdown-refused': page(
    'the guest refused to shut down',
    'Its handler said no, or it is busy with something that must not be interrupted.',
    'Try again later, or turn it off: ringlet stop NAME --force',
  ),
  'shutdown-timeout': page(
    'the guest did not answer the request to shut down',
    'Its shutdown driver is there, but does not run: the guest is busy or stuck.',
    'Turn it off: ringlet stop NAME --force',
  ),
  'too-many-devices': page(
    'the machine has more devices than its bus can offer',
    'The number of channels of a bus is bounded.',
    'Run the machine with fewer devices.',
  ),
  'too-many-machines': page(
    'no more machines fit into this process',
    'The number of partitions of one microkernel is bounded.',
    'Dispose of machines that have ended, or run some in another process.',
  ),
  'typed-too-much': page(
    'a guest has not taken what was typed at it before',
    'Its console takes bytes as fast as it reads them. What waits is kept, up to 16 MiB.',
    'In a program: await machine.inputTaken() after each machine.write(). If the guest never reads, look at what it prints.',
  ),
};
