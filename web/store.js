// What the page knows: the state that /api/live sends once, and the changes after it. `version` counts the updates, so
// whoever reads it is drawn again. docs/http-api.md describes the messages.

import { batch, signal } from "/assets/vendor/signals-core.module.js";

const history_points = 240; // two minutes, two a second
const history_step_ms = 500;
const prices_shown = 40;
const rush_score = 15; // from which a product stands out, in standard deviations: trends of every day come to 12
const rush_ratio = 2;
const easing_share = 0.5; // of the largest ratio of a rush: below it the rush is easing,
const rising_share = 0.7; // above it no more

export const version = signal(0);
export const connection = signal("connecting"); // connecting, live, lost
export const paused = signal(false);
export const selected = signal(null); // a product's id; null: the one that stands out
export const sorting = signal("demand");

export const model = {
  products: new Map(),
  prices: [], // newest first
  status: { events: { total: 0, per_s: 0 }, click_to_price_ms: {}, half_life_ms: [], jobs: [], mappings: [] },
  rates: [], // events a second, for the sparkline
  standout: null, // the id of the product whose demand is furthest above its usual
  peak: 0, // its largest ratio since it stands out
  easing: false, // its ratio has come down from there
  now_ms: 0,
};

let source = null;
let history_due_ms = 0;

// Counts are as of the product's last event: they fade until now. What a steady rate of 1 a second would have gathered
// since the first event turns a count into a rate.
function measure(product) {
  const [half_life_ms] = model.status.half_life_ms;
  const [views, carts, units] = product.demand;
  const since_last = Math.max(model.now_ms - product.last, 0);
  const since_first = Math.max(model.now_ms - product.first, 1000);
  const gathered = ((1 - 2 ** (-since_first / half_life_ms)) * half_life_ms) / 1000 / Math.LN2;
  product.rate = ((views + carts + units) * 2 ** (-since_last / half_life_ms)) / gathered;
  // Its ratio and score are as of its last event, too: of a product that nobody visits they say nothing.
  product.visited = since_last < 2 * half_life_ms;
}

function take_product(id, change) {
  let product = model.products.get(id);
  if (!product) {
    product = {
      id, name: id, category: "", list: 0, price: 0, version: 0, reason: "", demand: [0, 0, 0, 0, 0, 0], first: 0, last: 0,
      priced_ms: 0, rate: 0, ratio: 1, score: 0, visited: false, history: [],
    };
    model.products.set(id, product);
  }
  Object.assign(product, change);
}

function take_prices(prices) {
  if (prices.length === 0) return;
  model.prices = [...prices].reverse().concat(model.prices).slice(0, prices_shown);
}

const surprise = (product) => (product.visited ? product.score : 0);

// The one furthest from its usual demand; it stays until it has calmed down or another one is clearly ahead.
function find_standout() {
  let best = null;
  for (const product of model.products.values()) {
    if (surprise(product) >= rush_score && product.ratio >= rush_ratio && (!best || product.score > best.score)) best = product;
  }
  const current = model.products.get(model.standout);
  const holds = current && surprise(current) >= rush_score / 2 && current.ratio >= 1.2;
  const next = holds && !(best && best.score > 1.3 * current.score) ? current : best;
  if (next !== current) {
    model.peak = 0;
    model.easing = false;
  }
  model.standout = next ? next.id : null;
  if (!next) return;
  model.peak = Math.max(model.peak, next.ratio);
  model.easing = next.ratio < (model.easing ? rising_share : easing_share) * model.peak;
}

function take(message) {
  const { products, prices, ...status } = message;
  model.status = status;
  model.now_ms = status.time_ms;
  for (const [id, change] of Object.entries(products)) take_product(id, change);
  take_prices(prices);
  for (const product of model.products.values()) if (product.last > 0) measure(product);
  find_standout();
  if (model.now_ms >= history_due_ms) {
    history_due_ms = model.now_ms + history_step_ms - 50;
    for (const product of model.products.values()) {
      product.history.push([model.now_ms / 1000, product.price / 100, product.rate]);
      if (product.history.length > history_points) product.history.shift();
    }
    model.rates.push(status.events.per_s);
    if (model.rates.length > history_points) model.rates.shift();
  }
  batch(() => {
    connection.value = "live";
    version.value += 1;
  });
}

function open() {
  if (source || paused.value || document.hidden) return;
  source = new EventSource("/api/live");
  source.addEventListener("state", (event) => {
    model.prices = [];
    take(JSON.parse(event.data));
  });
  source.addEventListener("frame", (event) => take(JSON.parse(event.data)));
  source.onerror = () => {
    connection.value = "lost";
    if (source.readyState !== EventSource.CLOSED) return; // it tries again by itself
    close();
    setTimeout(open, 2000);
  };
}

function close() {
  if (source) source.close();
  source = null;
}

export function pause(value) {
  paused.value = value;
  if (value) close();
  else open();
}

export function start() {
  // Nobody looks at a hidden page; what it missed comes with the next state.
  document.addEventListener("visibilitychange", () => (document.hidden ? close() : open()));
  open();
}

// How far the histories go back.
export const history_s = () => Math.round((model.rates.length * history_step_ms) / 1000);

// The product that the chart shows: the chosen one, else the one that stands out, else what stood out last, else the one
// with the most demand.
let last_shown = null;
export function shown_product() {
  const wanted = model.products.get(selected.value ?? model.standout ?? last_shown);
  if (wanted) {
    last_shown = wanted.id;
    return wanted;
  }
  let most = null;
  for (const product of model.products.values()) if (!most || product.rate > most.rate) most = product;
  if (most) last_shown = most.id;
  return most;
}

const orders = {
  demand: (a, b) => surprise(b) - surprise(a),
  price: (a, b) => Math.abs(b.price / b.list - 1) - Math.abs(a.price / a.list - 1),
  popular: (a, b) => b.rate - a.rate,
};
export function movers(limit) {
  const all = [...model.products.values()].filter((product) => product.list > 0);
  return all.sort(orders[sorting.value]).slice(0, limit);
}
