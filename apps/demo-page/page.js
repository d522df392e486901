// @ts-check
// The story of the demo: it logs in as the administrator, and shows what happens.
import { logIn } from './app.js';
import { byId, setText } from './dom.js';
import { watchFailures } from './failures.js';
import { runLanes } from './lanes.js';
import { prepareRevocation } from './revocation.js';

const RETRY_MS = 2_000;

void watchFailures();
while (!(await logIn())) {
  setText(byId('status'), 'Nobody can log in at the moment; trying again…');
  await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
}
setText(byId('status'), 'Logged in as the administrator of organisation 1');
prepareRevocation();
void runLanes();
