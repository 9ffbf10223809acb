// The live page, drawn again whenever the store has something new, at most four times a second.

import { html, render, useEffect, useRef } from "/assets/vendor/htm-preact.module.js";
import { effect, signal } from "/assets/vendor/signals-core.module.js";
import { Chart } from "/assets/chart.js";
import { arrow, count, decimal, direction, duration, percent, price, time } from "/assets/format.js";
import * as store from "/assets/store.js";

const movers_shown = 14;
const announce_every_ms = 5000;
const { model } = store;

// Light, dark, or as the system has it.
const theme = signal(localStorage.getItem("theme") ?? "system");
const themes = ["system", "light", "dark"];

function Sparkline({ points, label }) {
  if (points.length < 2) return html`<svg class="spark" viewBox="0 0 80 22" aria-hidden="true"></svg>`;
  const low = Math.min(...points);
  const high = Math.max(...points);
  const scale = high - low || 1;
  const path = points
    .map((value, i) => `${i ? "L" : "M"}${((80 * i) / (points.length - 1)).toFixed(1)} ${(20 - (18 * (value - low)) / scale).toFixed(1)}`)
    .join("");
  return html`<svg class="spark" viewBox="0 0 80 22" preserveAspectRatio="none" role="img" aria-label=${label}>
    <path d=${path} />
  </svg>`;
}

// Of at most `limit` points, evenly chosen.
function thinned(points, limit) {
  const step = Math.max(1, Math.ceil(points.length / limit));
  return points.filter((_, i) => (points.length - 1 - i) % step === 0);
}

function Change({ from, to }) {
  const change = from > 0 ? to / from - 1 : 0;
  return html`<span class="change ${direction(Math.round(change * 100))}">
    <span aria-hidden="true">${arrow(Math.round(change * 100))}</span> ${percent(change)}
  </span>`;
}

function Header() {
  const state = store.paused.value ? "paused" : store.connection.value;
  const words = { paused: "Paused", live: "Live", connecting: "Connecting", lost: "Connection lost, trying again" };
  return html`<header class="top">
    <h1><img src="/assets/icon.svg" alt="" width="28" height="28" /> Millrace <small>click in, price out</small></h1>
    <p class="state ${state}" id="connection"><span class="dot" aria-hidden="true"></span> ${words[state]}</p>
    <div class="controls">
      <button type="button" id="pause" aria-pressed=${store.paused.value} onClick=${() => store.pause(!store.paused.value)}>
        ${store.paused.value ? "Resume" : "Pause"}
      </button>
      <button type="button" id="theme" onClick=${() => (theme.value = themes[(themes.indexOf(theme.value) + 1) % themes.length])}>
        Colours: ${theme.value}
      </button>
    </div>
  </header>`;
}

function Figure({ name, value, unit, note, children, id }) {
  return html`<div class="figure" id=${id}>
    <dt>${name}</dt>
    <dd><strong>${value}</strong>${unit && html` <span class="unit">${unit}</span>`}${children}<span class="note">${note}</span></dd>
  </div>`;
}

function Figures() {
  const { events, click_to_price_ms: latency, price_changes, jobs } = model.status;
  const lag = jobs.reduce((sum, job) => sum + job.lag_records, 0);
  const delays = jobs.map((job) => job.watermark_delay_ms).filter((delay) => delay >= 0);
  const late = jobs.reduce((sum, job) => sum + job.late_rows, 0);
  const known = latency.samples > 0;
  return html`<dl class="figures" aria-label="Key figures">
    <${Figure} id="events" name="Events" value=${count(events.per_s)} unit="a second" note=${`${count(events.total)} in all`}>
      <${Sparkline} points=${thinned(model.rates, 60)} label=${`Events a second over the last ${store.history_s()} s`} />
    <//>
    <${Figure} id="latency" name="Click to price" value=${known ? count(latency.p50) : "–"} unit="ms, median"
      note=${known ? `99 of 100 within ${count(latency.p99)} ms` : "no price change in the last 10 s"} />
    <${Figure} id="changes" name="Price changes" value=${count(price_changes ?? 0)} unit="in all"
      note=${`${count(model.products.size)} products`} />
    <${Figure} id="lag" name="Lag" value=${count(lag)} unit="records" note=${lag === 0 ? "nothing waits" : "to be read yet"} />
    <${Figure} id="watermark" name="Watermark" value=${delays.length ? duration(Math.max(...delays)) : "–"} unit="behind"
      note=${late > 0 ? `${count(late)} late rows` : "no late rows"} />
  </dl>`;
}

function Standout() {
  const product = model.products.get(model.standout);
  if (!product) {
    return html`<section class="standout calm" id="standout" aria-labelledby="standout-title">
      <h2 id="standout-title">All calm</h2>
      <p>No product is far from its usual demand. When many shoppers turn to one at once, it shows here.</p>
    </section>`;
  }
  const shown = store.shown_product() === product;
  return html`<section class="standout ${model.easing ? "easing" : ""}" id="standout" data-product=${product.id}
      aria-labelledby="standout-title">
    <p class="badge"><span aria-hidden="true">${model.easing ? "▼" : "▲"}</span> ${model.easing ? "Easing" : "Rush"}</p>
    <h2 id="standout-title">${product.name} <small>${product.category} · ${product.id}</small></h2>
    <p class="big"><span class="now">${price(product.price)}</span> <${Change} from=${product.list} to=${product.price} />
      <span class="list">list ${price(product.list)}</span></p>
    <p class="why"><strong>${decimal(product.ratio)} ×</strong> its usual demand now, ${decimal(product.rate)} events a second.</p>
    <p class="reason">${product.version > 0 && `Price of ${time(product.priced_ms)}: ${product.reason}`}</p>
    ${!shown && html`<button type="button" onClick=${() => (store.selected.value = product.id)}>Show in the chart</button>`}
  </section>`;
}

function Plot({ product }) {
  const place = useRef(null);
  const chart = useRef(null);
  useEffect(() => {
    chart.current = new Chart(place.current);
    return () => chart.current.destroy();
  }, []);
  useEffect(() => chart.current.rebuild(), [theme.value]);
  useEffect(() => chart.current.show(product));
  return html`<div class="plot" ref=${place} aria-hidden="true"></div>`;
}

function takeaway(product) {
  const change = product.list > 0 ? product.price / product.list - 1 : 0;
  const against = Math.round(change * 100) === 0 ? "at its list price" : `${percent(change)} against its list price`;
  return `${product.name} costs ${price(product.price)}, ${against}; ${product.visited ? `demand is ${decimal(product.ratio)} × its usual` : "nobody looks at it"}.`;
}

function ChartCard() {
  const product = store.shown_product();
  if (!product) return html`<section class="card chart"><h2>Price and demand</h2><p>No products yet.</p></section>`;
  const points = thinned(product.history, 12);
  return html`<section class="card chart" aria-labelledby="chart-title">
    <h2 id="chart-title">${product.name} <small>${product.id}</small></h2>
    ${store.selected.value
      ? html`<button type="button" class="link" id="follow" onClick=${() => (store.selected.value = null)}>Follow what stands out</button>`
      : html`<span class="quiet">follows what stands out</span>`}
    <figure>
      <p class="keys" aria-hidden="true"><span class="key price">price (left)</span><span class="key list">list price</span>
        <span class="key demand">demand, events a second (right)</span></p>
      <${Plot} product=${product} />
      <figcaption id="takeaway">${takeaway(product)}</figcaption>
    </figure>
    <details>
      <summary>The same as a table</summary>
      <table>
        <thead><tr><th scope="col">Time</th><th scope="col">Price</th><th scope="col">Events a second</th></tr></thead>
        <tbody>${points.map((point) => html`<tr><td>${time(point[0] * 1000)}</td><td>${price(point[1] * 100)}</td><td>${decimal(point[2])}</td></tr>`)}</tbody>
      </table>
    </details>
  </section>`;
}

function Movers() {
  const sorts = { demand: "Demand against usual", price: "Price against list", popular: "Most visited" };
  const shown = store.shown_product();
  return html`<section class="card movers" aria-labelledby="movers-title">
    <h2 id="movers-title">Products</h2>
    <div class="sorts" role="group" aria-label="Sort by">
      ${Object.entries(sorts).map(([name, label]) => html`<button type="button" aria-pressed=${store.sorting.value === name}
        onClick=${() => (store.sorting.value = name)}>${label}</button>`)}
    </div>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="movers-title">
    <table>
      <thead><tr>
        <th scope="col">Product</th><th scope="col" class="number">Price</th><th scope="col" class="number against">Against list</th>
        <th scope="col" class="number rate">Events/s</th><th scope="col" class="number">× usual</th>
        <th scope="col" class="past">Last ${store.history_s()} s</th>
      </tr></thead>
      <tbody>
        ${store.movers(movers_shown).map((product) => html`<tr key=${product.id} data-product=${product.id}
            class="${product.id !== model.standout ? "" : model.easing ? "easing" : "rush"} ${shown && product.id === shown.id ? "shown" : ""}">
          <th scope="row"><button type="button" class="name" aria-pressed=${store.selected.value === product.id}
            onClick=${() => (store.selected.value = store.selected.value === product.id ? null : product.id)}>
            ${product.id === model.standout ? html`<span class="badge small">${model.easing ? "Easing" : "Rush"}</span> ` : ""}${product.name}</button></th>
          <td class="number price">${price(product.price)}</td>
          <td class="number against"><${Change} from=${product.list} to=${product.price} /></td>
          <td class="number rate">${decimal(product.rate)}</td>
          <td class="number">${product.visited ? decimal(product.ratio) : "–"}</td>
          <td class="past"><${Sparkline} points=${thinned(product.history.map((point) => point[2]), 60)} label=${`Demand of ${product.name}`} /></td>
        </tr>`)}
      </tbody>
    </table>
    </div>
  </section>`;
}

function Prices() {
  return html`<section class="card prices" aria-labelledby="prices-title">
    <h2 id="prices-title">Latest price changes</h2>
    ${model.prices.length === 0 && html`<p class="quiet">None yet.</p>`}
    <ol class="scroll" tabindex="0" aria-labelledby="prices-title">
      ${model.prices.map((change) => html`<li key=${change.number} data-number=${change.number}>
        <span class="when">${time(change.at_ms)}</span>
        <button type="button" class="name" onClick=${() => (store.selected.value = change.product_id)}>
          ${model.products.get(change.product_id)?.name ?? change.product_id}</button>
        <span class="step">${price(change.from)} → <strong>${price(change.to)}</strong> <${Change} from=${change.from} to=${change.to} /></span>
        <span class="reason">${change.reason}${change.latency_ms === undefined ? "" : ` · ${duration(change.latency_ms)} after the click`}</span>
      </li>`)}
    </ol>
  </section>`;
}

function Machinery() {
  const { jobs, mappings } = model.status;
  return html`<section class="card machinery" aria-labelledby="machinery-title">
    <h2 id="machinery-title">Behind it</h2>
    <div class="scroll" tabindex="0" role="region" aria-labelledby="machinery-title">
    <table>
      <thead><tr><th scope="col">Job or mapping</th><th scope="col">State</th><th scope="col" class="number">Lag</th>
        <th scope="col" class="number">Watermark</th><th scope="col" class="number">In</th><th scope="col" class="number">Out</th>
        <th scope="col" class="number">Late / retried</th><th scope="col" class="number">Bad / failed</th></tr></thead>
      <tbody>
        ${jobs.map((job) => html`<tr key=${`job ${job.name}`}><th scope="row">${job.name}</th><td>${job.state}${job.reason ? `: ${job.reason}` : ""}</td>
          <td class="number">${job.lag_records === null ? "–" : count(job.lag_records)}</td><td class="number">${duration(job.watermark_delay_ms)}</td>
          <td class="number">${count(job.rows_in)}</td><td class="number">${count(job.rows_out)}</td>
          <td class="number">${count(job.late_rows)}</td><td class="number">${count(job.bad_rows)}</td></tr>`)}
        ${mappings.map((mapping) => html`<tr key=${`mapping ${mapping.name}`}><th scope="row">${mapping.name}</th>
          <td>${mapping.state}${mapping.last_error ? `: ${mapping.last_error}` : ""}</td>
          <td class="number">${count(mapping.lag_records)}</td><td class="number">–</td><td class="number">${count(mapping.records)}</td>
          <td class="number">${count(mapping.effects)}</td><td class="number">${count(mapping.retries)}</td>
          <td class="number">${count(mapping.failed_batches)}</td></tr>`)}
      </tbody>
    </table>
    </div>
  </section>`;
}

function App() {
  return html`<${Header} />
    <main>
      <${Figures} />
      <div class="columns">
        <div class="left"><${Standout} /><${ChartCard} /><${Movers} /></div>
        <div class="right"><${Prices} /></div>
      </div>
      <${Machinery} />
    </main>`;
}

// A change of what stands out is told to assistive technology, now and then; single ticks never.
let announced = null;
let announce_due_ms = 0;
function announce() {
  if (model.standout === announced || performance.now() < announce_due_ms) return;
  announced = model.standout;
  announce_due_ms = performance.now() + announce_every_ms;
  const product = model.products.get(announced);
  document.getElementById("announcements").textContent = product ? `Rush: ${takeaway(product)}` : "Demand is calm again.";
}

effect(() => {
  document.documentElement.dataset.theme = theme.value;
  localStorage.setItem("theme", theme.value);
});
const root = document.getElementById("app");
root.textContent = "";
effect(() => {
  // Everything that the page shows depends on these.
  void [store.version.value, store.connection.value, store.paused.value, store.selected.value, store.sorting.value, theme.value];
  render(html`<${App} />`, root);
  announce();
});
store.start();
