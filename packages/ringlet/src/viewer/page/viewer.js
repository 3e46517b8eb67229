/** The page around noVNC: it connects, says how it stands, and connects again when the machine is back. */
import RFB from '/novnc/core/rfb.js';

const AGAIN_MS = 2000;

const [screen, state, name, secure, fit, full] = ['screen', 'state', 'name', 'secure', 'fit', 'full'].map((id) =>
  document.getElementById(id),
);
const address = new URL('/screen', location.href);
address.protocol = address.protocol.replace('http', 'ws');
address.search = location.search;
let view;

function connect() {
  state.textContent = 'connecting';
  view = new RFB(screen, address.href, { wsProtocols: ['binary'] });
  view.scaleViewport = fit.ariaPressed === 'true';
  view.clipViewport = true;
  view.background = '#1b1d21';
  view.addEventListener('desktopname', ({ detail }) => (name.textContent = document.title = detail.name));
  view.addEventListener('connect', () => {
    state.textContent = 'click into the screen to type and point';
    secure.disabled = false;
    view.focus();
  });
  view.addEventListener('disconnect', () => {
    state.textContent = 'not connected: the machine is off, or its viewer was closed. Trying again';
    secure.disabled = true;
    setTimeout(connect, AGAIN_MS);
  });
}

secure.addEventListener('click', () => {
  view.sendCtrlAltDel();
  view.focus();
});
fit.addEventListener('click', () => {
  fit.ariaPressed = String(fit.ariaPressed !== 'true');
  view.scaleViewport = fit.ariaPressed === 'true';
});
full.addEventListener('click', () => {
  if (document.fullscreenElement) void document.exitFullscreen();
  else void screen.requestFullscreen();
});
connect();
