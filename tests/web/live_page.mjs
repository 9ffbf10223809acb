// Drives the live page of a running demo as a visitor would, and checks what they see.

import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { chromium } from "playwright-core";

const { values: options } = parseArgs({
  options: { screenshot: { type: "string" }, seed: { type: "string", default: "7" }, rate: { type: "string", default: "1500" } },
});
const run_s = 30;
const rush_start_s = run_s * 0.4;
const rush_end_s = run_s * 0.65;
const weight_max = 60 * 1024;

const sleep = (ms) => new Promise((done) => setTimeout(done, ms));
const say = (text) => console.log(text);

class Demo {
  constructor() {
    this.log = "";
    this.out = "";
    this.process = spawn(process.env.MILLRACE_BINARY ?? "build/millrace",
      ["demo", "--for", `${run_s}s`, "--json", "--seed", options.seed, "--rate", options.rate, "--listen", "127.0.0.1:0",
        "--dashboard", "127.0.0.1:0"], { stdio: ["ignore", "pipe", "pipe"] });
    this.process.stderr.on("data", (data) => (this.log += data));
    this.process.stdout.on("data", (data) => (this.out += data));
    this.ended = new Promise((done) => this.process.on("close", (code) => done((this.code = code ?? -1))));
  }
  async says(pattern) {
    for (let waited = 0; waited < 30000; waited += 50) {
      const found = this.log.match(pattern);
      if (found) return found;
      assert.equal(this.code, undefined, `the demo ended:\n${this.log}`);
      await sleep(50);
    }
    assert.fail(`the demo does not say ${pattern}:\n${this.log}`);
  }
}

// What must never happen on this page, whatever is done with it.
class Watch {
  constructor(page, origin) {
    this.problems = [];
    this.weight = 0;
    page.on("console", (message) => {
      if (["error", "warning"].includes(message.type())) this.problems.push(`console: ${message.text()}`);
    });
    page.on("pageerror", (error) => this.problems.push(`error: ${error.stack ?? error}`));
    page.on("request", (request) => {
      if (!request.url().startsWith(origin)) this.problems.push(`asks another host: ${request.url()}`);
    });
    page.on("response", (response) => {
      if (response.status() >= 400) this.problems.push(`${response.status()} for ${response.url()}`);
      if (!response.url().includes("/api/")) this.weight += Number(response.headers()["content-length"] ?? 0);
    });
  }
}

const number_in = async (page, selector) =>
  Number((await page.locator(selector).innerText()).replaceAll(",", "").replace("–", "NaN"));

async function moves(page) {
  await page.locator("#connection.live").waitFor({ timeout: 10000 });
  assert.equal(await page.locator(".movers tbody tr").count(), 14);
  const total = async () => Number((await page.locator("#events .note").innerText()).replace(/[^0-9]/g, ""));
  const first = await total();
  await sleep(1000);
  assert.ok((await total()) > first, `events do not grow: ${first}`);
  say("clicks come in");
}

// Once the rush has begun: before it hardly a price has a reason to move.
async function prices_move(page) {
  await page.waitForFunction(() => document.querySelectorAll(".prices li").length >= 3, null, { timeout: 5000 });
  assert.ok((await number_in(page, "#changes strong")) >= 3);
  assert.ok((await number_in(page, "#latency strong")) >= 0);
  const reason = await page.locator(".prices li .reason").first().innerText();
  assert.ok(reason.length > 10, `a price change gives its reason: ${reason}`);
  say("prices move, with reasons");
}

async function works_by_keyboard(page) {
  await page.locator("body").press("Tab");
  assert.equal(await page.evaluate(() => document.activeElement.id), "pause");
  const product = page.locator(".movers tbody tr").nth(3).locator("button");
  const wanted = await page.locator(".movers tbody tr").nth(3).getAttribute("data-product");
  await page.locator(".sorts button").nth(2).focus();
  await page.keyboard.press("Enter");
  assert.equal(await page.locator(".sorts button").nth(2).getAttribute("aria-pressed"), "true");
  await page.locator(`.movers tr[data-product="${wanted}"] button`).or(product).first().focus();
  const focused = await page.evaluate(() => document.activeElement.closest("tr").dataset.product);
  await page.keyboard.press("Enter");
  await page.locator(`#chart-title:has-text("${focused}")`).waitFor({ timeout: 2000 });
  await page.locator("#follow").focus();
  await page.keyboard.press("Enter");
  await page.locator("#follow").waitFor({ state: "detached", timeout: 2000 });
  await page.locator(".sorts button").nth(0).press("Space");
  await page.locator("details summary").press("Enter");
  assert.ok((await page.locator("details tbody tr").count()) >= 1, "the chart is a table too");
  await page.locator("details summary").press("Enter");
  say("works by keyboard");
}

async function pauses(page) {
  const all = () => page.locator("main").innerText();
  await page.locator("#pause").press("Enter");
  await page.locator("#connection.paused").waitFor({ timeout: 2000 });
  const before = await all();
  await sleep(1200);
  assert.equal(await all(), before, "nothing moves while the page is paused");
  await page.locator("#pause").press("Enter");
  await page.locator("#connection.live").waitFor({ timeout: 5000 });
  await page.waitForFunction((text) => document.querySelector("main").innerText !== text, before, { timeout: 5000 });
  say("pauses and resumes");
}

async function has_names(page) {
  const nameless = await page.evaluate(() => {
    const name = (element) => element.getAttribute("aria-label") || element.textContent.trim() ||
      document.getElementById(element.getAttribute("aria-labelledby"))?.textContent.trim();
    const all = document.querySelectorAll("button, section, summary, [role=region], [role=img], [tabindex]");
    return [...all].filter((element) => !name(element)).map((element) => element.outerHTML.slice(0, 120));
  });
  assert.deepEqual(nameless, [], "every control and region has a name");
  assert.equal(await page.locator("html").getAttribute("lang"), "en");
  assert.equal(await page.locator("h1").count(), 1);
}

// Notes four times a second which product stands out.
async function observe(page, seconds_now, until_s, seen) {
  while (seconds_now() < until_s) {
    const product = await page.evaluate(() => document.getElementById("standout").dataset.product ?? null);
    seen.push({ at_s: seconds_now(), product });
    await sleep(250);
  }
}

// The page says of a product's demand what the server says, which prices follow.
async function one_truth(page, origin) {
  const [said, id] = await page.evaluate(() => {
    const card = document.getElementById("standout");
    return [card.querySelector(".why strong")?.innerText, card.dataset.product];
  });
  if (!id) return say("nothing stands out: its ratio is not compared");
  const ratio = Number(said.replace(" ×", ""));
  const { products } = await (await fetch(`${origin}/api/state`)).json();
  // A moment has passed between the two.
  assert.ok(Math.abs(Math.log(ratio / products[id].ratio)) < Math.log(1.5), `the page says ${said}, the server ${products[id].ratio}`);
  say(`demand of ${id} is ${said} its usual, as the server has it`);
}

// Nothing sticks out of the page, nor out of its cards and tables: only what lies behind the scenes is scrolled.
async function fits(page, width) {
  await page.setViewportSize({ width, height: 900 });
  const overflows = () => page.evaluate(() => {
    const wide = [...document.querySelectorAll("html, .figure, .standout, .chart, .movers, .movers .scroll, .prices ol")];
    return wide.filter((element) => element.scrollWidth > element.clientWidth)
      .map((element) => `${element.className || element.tagName}: ${element.scrollWidth - element.clientWidth} px`);
  });
  // The chart takes its new size with the next drawing, a quarter of a second later at most.
  let found = await overflows();
  for (let waited = 0; found.length > 0 && waited < 2000; waited += 50) {
    await sleep(50);
    found = await overflows();
  }
  assert.deepEqual(found, [], `at ${width} px`);
  const usual = await page.locator(".movers thead th", { hasText: "usual" }).isVisible();
  assert.ok(usual, `at ${width} px the table says how demand is against its usual`);
}

// Has the page note by its own clock what it announces and when: this side may be held up on a busy machine.
async function note_announcements(page) {
  await page.evaluate(() => {
    const region = document.getElementById("announcements");
    window.announcements = [];
    new MutationObserver(() => window.announcements.push({ at_s: performance.now() / 1000, text: region.textContent }))
      .observe(region, { childList: true, characterData: true, subtree: true });
  });
}

const demo = new Demo();
const profile = mkdtempSync(join(tmpdir(), "millrace-chromium-"));
let context;
try {
  const [, origin] = await demo.says(/live page at (http:\/\/\S+)/);
  await demo.says(/a shop with .* products/);
  const started = Date.now();
  const seconds_now = () => (Date.now() - started) / 1000;
  context = await chromium.launchPersistentContext(profile, {
    executablePath: "/usr/bin/chromium",
    args: ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
      "--disable-background-networking", "--disable-component-update", "--disable-sync"],
    viewport: { width: 1360, height: 1180 },
  });
  const first = await (await fetch(`${origin}/api/state`)).json();
  const { samples, p50, p99 } = first.click_to_price_ms;
  if (samples === 0) assert.deepEqual([p50, p99], [null, null], "there is no median of nothing");
  const page = await context.newPage();
  const watch = new Watch(page, origin);
  const seen = [];

  await page.goto(origin, { waitUntil: "load" });
  await note_announcements(page);
  const weight = watch.weight;
  await moves(page);
  await has_names(page);
  await works_by_keyboard(page);
  await pauses(page);
  assert.ok(seconds_now() < rush_start_s, `the rush has begun too early for this test: ${seconds_now()} s`);

  await page.evaluate(() => document.activeElement.blur());
  await observe(page, seconds_now, rush_start_s + 2.3, seen);
  if (options.screenshot) await page.screenshot({ path: options.screenshot });
  await observe(page, seconds_now, rush_start_s + 4.5, seen);
  await prices_move(page);
  await one_truth(page, origin);
  await observe(page, seconds_now, rush_end_s - 0.5, seen);
  const announcements = await page.evaluate(() => window.announcements);
  await page.locator("#theme").click();
  await page.locator("#theme").click();
  assert.equal(await page.locator("html").getAttribute("data-theme"), "dark");
  if (options.screenshot) await page.screenshot({ path: options.screenshot.replace(/\.png$/, "-dark.png") });
  await page.locator("details summary").press("Enter");
  for (const width of [420, 390, 320]) await fits(page, width);

  await demo.ended;
  assert.equal(demo.code, 0, demo.log);
  const report = JSON.parse(demo.out);
  const rush = seen.filter((moment) => moment.product === report.rush.product_id);
  assert.ok(rush.length > 0, `${report.rush.product_id} never stood out: ${JSON.stringify(seen)}`);
  const after_s = rush[0].at_s - rush_start_s;
  assert.ok(after_s < 4, `the rush stood out only ${after_s.toFixed(1)} s after it began`);
  const before = seen.filter((moment) => moment.at_s < rush_start_s);
  assert.ok(before.length > 0 && before.every((moment) => moment.product === null),
    `everyday trends are no rush: ${JSON.stringify(before)}`);
  const during = seen.filter((moment) => moment.at_s > rush[0].at_s);
  assert.ok(rush.length >= 0.9 * during.length, "the rush's product stays in front while the rush lasts");
  say(`the rush on ${report.rush.product_id} stands out ${after_s.toFixed(1)} s after it began`);
  for (let i = 1; i < announcements.length; ++i) {
    assert.ok(announcements[i].at_s - announcements[i - 1].at_s > 4, `announcements are rare: ${JSON.stringify(announcements)}`);
  }
  assert.ok(announcements.some((moment) => moment.text.startsWith("Rush: ")), "the rush is announced");
  // A page whose server has ended may say that the connection is lost; that is not its mistake.
  const problems = watch.problems.filter((problem) => !problem.includes("ERR_CONNECTION_REFUSED") &&
    !problem.includes("ERR_INCOMPLETE_CHUNKED_ENCODING") && !problem.includes("ERR_CONNECTION_RESET"));
  assert.deepEqual(problems, []);
  assert.ok(weight > 0 && weight <= weight_max, `the page weighs ${weight} bytes`);
  say(`the page weighs ${weight} bytes; no errors, no other hosts`);
} finally {
  if (context) await context.close();
  demo.process.kill("SIGTERM");
  rmSync(profile, { recursive: true, force: true });
}
