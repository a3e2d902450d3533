import axe from 'axe-core';
import { type Browser, type BrowserContext, chromium, type Page, type Request } from 'playwright-core';
import { findProgram, missing } from './tools.js';
import { eventually } from './wait.js';

/** The reason to skip tests that need a browser, or null. */
export const browserSkip: string | null = missing('chromium');

/** Starts Debian's Chromium without a window. The caller closes it. */
export function startBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: findProgram('chromium') ?? 'chromium',
    // Chromium does not run as root with its sandbox, and CI runs as root.
    args: ['--no-sandbox', '--disable-dev-shm-usage'],
  });
}

/** A size of the window, and the colours that the system prefers. */
export interface View {
  readonly width: number;
  readonly scheme: 'light' | 'dark';
}

export const wideLight: View = { width: 1440, scheme: 'light' };
export const wideDark: View = { width: 1440, scheme: 'dark' };
export const narrowLight: View = { width: 390, scheme: 'light' };
export const narrowDark: View = { width: 390, scheme: 'dark' };

const windowHeight = 900;
const pageTimeoutMs = 60_000;

/** A window of the browser that records what goes wrong in its pages. */
export class Visit implements AsyncDisposable {
  readonly page: Page;
  readonly #context: BrowserContext;
  /** Errors of scripts, and messages of the browser such as violations of the content security policy. */
  readonly errors: string[] = [];
  /** Requests without a complete answer. */
  readonly #open = new Set<Request>();
  /** URLs of requests to other hosts. */
  readonly foreign: string[] = [];

  private constructor(context: BrowserContext, page: Page, origin: string) {
    this.#context = context;
    this.page = page;
    page.setDefaultTimeout(pageTimeoutMs);
    page.on('pageerror', (error) => this.errors.push(error.message));
    page.on('console', (message) => {
      // The browser reports each answer of 4xx as an error. Pages show those themselves.
      const isStatus = message.text().startsWith('Failed to load resource');
      if (message.type() === 'error' && !isStatus) this.errors.push(message.text());
    });
    const end = (request: Request) => this.#open.delete(request);
    page.on('requestfinished', end);
    page.on('requestfailed', end);
    page.on('request', (request) => {
      const url = request.url();
      this.#open.add(request);
      if (!url.startsWith(origin) && !url.startsWith('blob:')) this.foreign.push(url);
    });
  }

  /** Opens a window on the console at `origin`. With a token, each request has it. */
  static async open(browser: Browser, origin: string, view: View, token: string | null): Promise<Visit> {
    const context = await browser.newContext({
      baseURL: origin,
      viewport: { width: view.width, height: windowHeight },
      colorScheme: view.scheme,
      reducedMotion: 'reduce',
      acceptDownloads: true,
      ...(token === null ? {} : { extraHTTPHeaders: { authorization: `Bearer ${token}` } }),
    });
    return new Visit(context, await context.newPage(), origin);
  }

  /** Opens a page and waits until its heading and its answers are there. */
  async go(path: string): Promise<void> {
    await this.page.goto(path);
    await this.page.locator('h1').first().waitFor();
    await this.settle();
  }

  /** Waits until no request of the page is open and nothing is loading. */
  async settle(): Promise<void> {
    await eventually('the page is complete', async () => {
      if (this.#open.size > 0) return false;
      // React draws an answer in the frame after it.
      const isDrawn = await this.page.evaluate(
        "new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(() => done(document.querySelector('[aria-label=Loading]') === null))))",
      );
      return isDrawn === true && this.#open.size === 0;
    });
  }

  /** Returns the violations that axe finds on the page, each with its first element. */
  async violations(): Promise<readonly string[]> {
    // The evaluation comes from the debugger, which the content security policy does not concern.
    await this.page.evaluate(axe.source);
    const found = (await this.page.evaluate(
      "axe.run(document, { resultTypes: ['violations'] })",
    )) as axe.AxeResults;
    return found.violations.map(
      ({ id, help, nodes }) => `${id}: ${help}: ${nodes[0]?.html.slice(0, 160)} (${nodes.length})`,
    );
  }

  /** Returns by how many pixels the page is wider than the window, or a table wider than its frame. */
  async overflow(): Promise<number> {
    return this.page.evaluate(
      "Math.max(...[document.documentElement, ...document.querySelectorAll('.table-scroll')].map((part) => part.scrollWidth - part.clientWidth))",
    );
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#context.close();
  }
}
