// What the page knows: the state that /api/live sends once, and the changes after it. `version` counts the updates, so
// whoever reads it is drawn again. docs/http-api.md describes the messages.

import { batch, signal } from "/assets/vendor/signals-core.module.js";

const fast_half_life_ms = 5000;
const slow_half_life_ms = 60000;
const history_points = 240; // two minutes, two a second
const history_step_ms = 500;
const prices_shown = 40;
const rush_score = 5; // from which a product stands out, in standard deviations
const rush_ratio = 1.6;

export const version = signal(0);
export const connection = signal("connecting"); // connecting, live, lost
export const paused = signal(false);
export const selected = signal(null); // a product's id; null: the one that stands out
export const sorting = signal("demand");

export const model = {
  products: new Map(),
  prices: [], // newest first
  status: { events: { total: 0, per_s: 0 }, click_to_price_ms: {}, jobs: [], mappings: [], functions: [] },
  rates: [], // events a second, for the sparkline
  standout: null, // the id of the product whose demand is furthest above its usual
  now_ms: 0,
};

let source = null;
let history_due_ms = 0;

// Counts are as of the product's last event: they fade until now. What a steady rate of 1 a second would have gathered
// since the first event turns a count into a rate.
const faded = (count, ms, half_life_ms) => count * 2 ** (-ms / half_life_ms);
const gathered = (ms, half_life_ms) => ((1 - 2 ** (-ms / half_life_ms)) * half_life_ms) / 1000 / Math.LN2;

function measure(product) {
  const [views, carts, units, slow_views, slow_carts, slow_units] = product.demand;
  const since_last = Math.max(model.now_ms - product.last, 0);
  const since_first = Math.max(model.now_ms - product.first, 1000);
  const fast = faded(views + carts + units, since_last, fast_half_life_ms);
  const slow = faded(slow_views + slow_carts + slow_units, since_last, slow_half_life_ms);
  const in_fast = gathered(since_first, fast_half_life_ms);
  const in_slow = gathered(since_first, slow_half_life_ms);
  product.rate = fast / in_fast;
  // In the difference the newest events weigh nothing: what is usual, without the rush that is to be found.
  product.usual = Math.max(slow - fast, 0) / Math.max(in_slow - in_fast, 0.01);
  product.ratio = product.usual > 0 ? (product.rate + 0.1) / (product.usual + 0.1) : 1;
  // How surprising the fast count is against the usual one (Anscombe's transform of counts).
  const seconds = fast_half_life_ms / 1000 / Math.LN2;
  product.score = 2 * (Math.sqrt(product.rate * seconds + 0.375) - Math.sqrt(product.usual * seconds + 0.375));
}

function take_product(id, change) {
  let product = model.products.get(id);
  if (!product) {
    product = {
      id, name: id, category: "", list: 0, price: 0, stock: 0, reason: "", demand: [0, 0, 0, 0, 0, 0], first: 0, last: 0,
      rate: 0, usual: 0, ratio: 1, score: 0, history: [],
    };
    model.products.set(id, product);
  }
  Object.assign(product, change);
}

function take_prices(prices) {
  if (prices.length === 0) return;
  model.prices = [...prices].reverse().concat(model.prices).slice(0, prices_shown);
}

// The one furthest from its usual demand; it stays until it has calmed down or another one is clearly ahead.
function find_standout() {
  let best = null;
  for (const product of model.products.values()) {
    if (product.score >= rush_score && product.ratio >= rush_ratio && (!best || product.score > best.score)) best = product;
  }
  const current = model.products.get(model.standout);
  const holds = current && current.score >= rush_score / 2 && current.ratio >= 1.2;
  if (holds && !(best && best.score > 1.3 * current.score)) return;
  model.standout = best ? best.id : null;
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
  demand: (a, b) => b.score - a.score,
  price: (a, b) => Math.abs(b.price / b.list - 1) - Math.abs(a.price / a.list - 1),
  popular: (a, b) => b.rate - a.rate,
};
export function movers(limit) {
  const all = [...model.products.values()].filter((product) => product.list > 0);
  return all.sort(orders[sorting.value]).slice(0, limit);
}
