import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, type Page } from 'playwright-core';
import { findChromium, HOW_TO_GET_CHROMIUM } from '../../scripts/chromium.mjs';

/** A browser that asks nobody but the page it is sent to. */
const FLAGS = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

let browser: Browser | undefined;
const contexts: BrowserContext[] = [];

afterEach(async () => {
  await Promise.all(contexts.splice(0).map((context) => context.close()));
});

afterAll(async () => {
  await browser?.close();
});

export interface OpenPage {
  readonly page: Page;
  /** What the browser complained of: violations of the policy of the page, errors of its scripts. */
  readonly complaints: string[];
}

/**
 * A page of a real browser, which ends with the test.
 *
 * @throws Error where there is no browser, with how to get one
 */
export async function openPage(url: string, options: BrowserContextOptions = {}): Promise<OpenPage> {
  const program = findChromium();
  if (program === undefined) throw new Error(HOW_TO_GET_CHROMIUM);
  // The sandbox does not work for root.
  const flags = process.getuid?.() === 0 ? [...FLAGS, '--no-sandbox'] : FLAGS;
  browser ??= await chromium.launch({ executablePath: program, args: flags });
  const context = await browser.newContext({ viewport: { width: 1280, height: 900 }, ...options });
  contexts.push(context);
  const page = await context.newPage();
  const complaints: string[] = [];
  page.on('console', (message) => {
    if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
  });
  page.on('pageerror', (error) => complaints.push(String(error)));
  await page.goto(url);
  return { page, complaints };
}
