// A browser whose camera plays a film, and what must never happen in it: an error in the console, a request to another
// place, a violation of the policy, a rule of accessibility broken.

import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

const require = createRequire(import.meta.url);
const { chromium } = require("playwright-core");
const axe = readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

// What the browser itself notes of an answer that is an error: such answers are a part of the test.
const REFUSED = /^Failed to load resource: the server responded with a status of (401|404|409|412)/;

const WIDE = { width: 1280, height: 900 };
const NARROW = { width: 390, height: 844 };

export async function launch(film) {
  return chromium.launch({
    executablePath: process.env.CHROMIUM,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-background-networking",
      "--use-fake-ui-for-media-stream",
      "--use-fake-device-for-media-stream",
      `--use-file-for-fake-video-capture=${film}`,
    ],
  });
}

// A page that is watched; `wrong` gets what must not happen.
export async function watched(browser, origin) {
  const wrong = [];
  const context = await browser.newContext({ viewport: WIDE, colorScheme: "light" });
  const page = await context.newPage();
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type()) && !REFUSED.test(message.text())) {
      wrong.push(`the console says: ${message.text()}`);
    }
  });
  page.on("pageerror", (error) => wrong.push(`an error is not caught: ${error.message}`));
  page.on("request", (request) => {
    const url = new URL(request.url());
    const isOwn = url.origin === origin || ["blob:", "data:"].includes(url.protocol);
    if (!isOwn) wrong.push(`a request goes to ${url.origin}`);
    if (/token|[A-Za-z0-9_-]{20,}\.[A-Za-z0-9_-]{20,}/.test(url.search)) wrong.push("a token is in an address");
  });
  await page.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      console.error(`the policy forbids ${event.violatedDirective} ${event.blockedURI}`);
    });
  });
  return { page, wrong };
}

// Looks at the view that is shown, in both themes and at two widths.
export async function examined(page, name) {
  const wrong = [];
  for (const colorScheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
    for (const size of [WIDE, NARROW]) {
      await page.setViewportSize(size);
      const { width, seen } = await page.evaluate(() => ({
        width: document.documentElement.scrollWidth,
        seen: window.innerWidth,
      }));
      if (width > seen) wrong.push(`${name} is ${width} pixels wide on a screen of ${seen}`);
      const folder = process.env.FACEVAULT_CONSOLE_PICTURES;
      if (folder) await page.screenshot({ path: `${folder}/${name}-${colorScheme}-${size.width}.png`, fullPage: true });
    }
    // Run by the debugger, not by the page, which may run no such text.
    await page.evaluate(axe);
    const { violations } = await page.evaluate(() => globalThis.axe.run(document));
    for (const { id, help, nodes } of violations) {
      wrong.push(`${name}, ${colorScheme}: ${id}: ${help}: ${nodes.map((node) => node.html).join(" ").slice(0, 400)}`);
    }
  }
  await page.emulateMedia({ colorScheme: "light" });
  await page.setViewportSize(WIDE);
  return wrong;
}
